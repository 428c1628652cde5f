/**
 * Lists in pages. Every list of the API takes `limit` and `cursor` and answers with `next_cursor`; what is
 * added while somebody pages neither repeats nor hides an item.
 */

import { z } from "zod";

/** The most items of one page. */
export const MAX_PAGE_LIMIT = 1000;

export interface PageQuery {
  /** 1 to 1000. */
  readonly limit?: number | undefined;
  /** `next_cursor` of the page before. */
  readonly cursor?: string | undefined;
}

export interface Paged {
  /** Give it back as `cursor` to get the next page; null at the end. */
  readonly next_cursor: string | null;
}

/** The members of a page query, for the query schemas that have more. */
export const pageQueryMembers: {
  readonly limit: z.ZodOptional<z.ZodType<number>>;
  readonly cursor: z.ZodOptional<z.ZodType<string>>;
} = {
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(MAX_PAGE_LIMIT)
    .meta({ description: "At most so many items." })
    .optional(),
  cursor: z
    .string()
    .min(1)
    .max(4096)
    .meta({ description: "`next_cursor` of the page before. Its form is nobody's business." })
    .optional(),
};

export const pageQuerySchema: z.ZodType<PageQuery> = z.strictObject(pageQueryMembers);

/** The member that every page has. */
export const pagedMembers: { readonly next_cursor: z.ZodNullable<z.ZodString> } = {
  next_cursor: z
    .string()
    .nullable()
    .meta({ description: "Give it back as `cursor` to get the next page; null at the end." }),
};

/**
 * A whole list, page after page, as one page without a next one. `member` is the list's own member, `ask`
 * asks for a page, such as `(page) => client.listRooms({ project, ...page })`.
 */
export async function listAll<
  Member extends string,
  Page extends Paged & Readonly<Record<Member, readonly unknown[]>>,
>(member: Member, ask: (page: PageQuery) => Promise<Page>): Promise<Page> {
  let page = await ask({ limit: MAX_PAGE_LIMIT });
  const items: unknown[] = [...page[member]];
  while (page.next_cursor !== null) {
    page = await ask({ limit: MAX_PAGE_LIMIT, cursor: page.next_cursor });
    items.push(...page[member]);
  }
  return { ...page, [member]: items };
}
