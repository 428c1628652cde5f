import assert from "node:assert/strict";
import { test } from "node:test";
import { cleanCell, renderTable, textWidth } from "./table.ts";

test("columns line up: text left, counts right, decimals at the point", () => {
  const text = renderTable(
    [{ title: "NAME" }, { title: "N", align: "right" }, { title: "COST", align: "decimal" }],
    [
      ["a", "1", "0.000001"],
      ["longer", "1234", "12.500000001"],
      ["c", "5", "unknown"],
    ],
  );
  assert.equal(
    text,
    [
      "NAME       N          COST",
      "a          1   0.000001",
      "longer  1234  12.500000001",
      "c          5       unknown",
      "",
    ].join("\n"),
  );
});

test("wide and combining characters keep the columns", () => {
  assert.equal(textWidth("e\u0301"), 1);
  assert.equal(textWidth("日本"), 4);
  assert.equal(
    renderTable(
      [{ title: "A" }, { title: "B" }],
      [
        ["日本", "x"],
        ["ab", "y"],
      ],
    ),
    "A     B\n日本  x\nab    y\n",
  );
});

test("no stored text moves the cursor or turns the line", () => {
  assert.equal(cleanCell("a\u001b[2Jb\r\nc\u202ed"), "a [2Jb c d");
  assert.equal(renderTable([{ title: "A" }], [["x\ny"]]), "A\nx y\n");
});

test("a table without rows is its titles", () => {
  assert.equal(renderTable([{ title: "A" }, { title: "B" }], []), "A  B\n");
});
