export type * from "../upstream/client.ts";
