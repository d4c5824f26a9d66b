// What both benchmarks print: medians, and each figure as a ratio to its reference in the same run.

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** A table whose first column names the row; numbers get three significant digits. */
export function table(title, rows) {
  const text = (cell) => (typeof cell === 'number' ? String(Number(cell.toPrecision(3))) : cell);
  const cells = rows.map((row) => row.map(text));
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  console.log(`\n${title}`);
  for (const row of cells) console.log(row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i] + 2))).join(''));
}
