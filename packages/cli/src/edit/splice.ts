/** A change of a text as the places where it changes, so that everything else stays byte for byte. */

export interface Splice {
  readonly at: number;
  /** How many UTF-16 units go away. */
  readonly remove: number;
  readonly insert: string;
}

/** One setting that an edit adds, replaces or takes out. */
export interface SettingChange {
  /** As a person would name it, such as `model_providers.meshagent.base_url`. */
  readonly name: string;
  /** The text that stood there; null where there was nothing. */
  readonly from: string | null;
  /** null: it is taken out. */
  readonly to: string | null;
}

/** What would have to change, and what that means. No splices: everything is as wanted. */
export interface EditPlan {
  readonly splices: readonly Splice[];
  readonly changes: readonly SettingChange[];
}

/** The file is in a form that cannot be edited safely. The message says why and what to write by hand. */
export class EditRefused extends Error {
  override readonly name = "EditRefused";
}

/** The text with the splices made. They do not overlap; of two at one place the earlier in the list comes first. */
export function applySplices(text: string, splices: readonly Splice[]): string {
  const sorted = splices.map((splice, order) => ({ splice, order }));
  sorted.sort((a, b) => a.splice.at - b.splice.at || a.order - b.order);
  let result = "";
  let kept = 0;
  for (const { splice } of sorted) {
    result += text.slice(kept, splice.at) + splice.insert;
    kept = splice.at + splice.remove;
  }
  return result + text.slice(kept);
}

/** Plans made one after the other, each for the text that those before it leave. */
export function chainPlans(text: string, plans: readonly ((text: string) => EditPlan)[]): EditPlan {
  const changes: SettingChange[] = [];
  let result = text;
  for (const plan of plans) {
    const next = plan(result);
    result = applySplices(result, next.splices);
    changes.push(...next.changes);
  }
  return { splices: result === text ? [] : [{ at: 0, remove: text.length, insert: result }], changes };
}

/** The line break that the text uses. */
export function lineBreakOf(text: string): "\n" | "\r\n" {
  const first = text.indexOf("\n");
  return first > 0 && text[first - 1] === "\r" ? "\r\n" : "\n";
}
