// The clipboard's table format: what spreadsheets put there and take from there.

// Rows of cells; a cell in quotes may hold tabs, line ends and doubled quotes.
export function parseTsv(text) {
  const rows = [[]];
  let cell = "";
  let index = 0;
  const source = text.replace(/\r\n?/g, "\n");
  const quotedCell = () => cell === "" && source[index] === '"' && isSpreadsheetQuote(source, index);
  while (index < source.length) {
    if (quotedCell()) {
      const [inner, end] = readQuoted(source, index);
      cell = inner;
      index = end;
      continue;
    }
    const char = source[index];
    if (char === "\t" || char === "\n") {
      rows[rows.length - 1].push(cell);
      cell = "";
      if (char === "\n") { rows.push([]); }
    } else {
      cell += char;
    }
    index += 1;
  }
  rows[rows.length - 1].push(cell);
  // Spreadsheets end every row, the last one too.
  if (rows.length > 1 && rows[rows.length - 1].length === 1 && rows[rows.length - 1][0] === "") { rows.pop(); }
  return rows;
}

// Spreadsheets quote a cell only when it holds a tab, a line end or a quote; "O2" as typed by hand is a value.
function isSpreadsheetQuote(source, start) {
  const [inner, end] = readQuoted(source, start);
  const closes = end >= source.length || source[end] === "\t" || source[end] === "\n";
  return closes && source[end - 1] === '"' && end - start > 1 && /["\t\n]/.test(inner);
}

function readQuoted(source, start) {
  let index = start + 1;
  let inner = "";
  while (index < source.length) {
    if (source[index] === '"' && source[index + 1] === '"') { inner += '"'; index += 2; continue; }
    if (source[index] === '"') { return [inner, index + 1]; }
    inner += source[index];
    index += 1;
  }
  return [inner, index];
}

export function writeTsv(rows) {
  return rows.map((row) => row.map(writeCell).join("\t")).join("\n");
}

function writeCell(text) {
  return /["\t\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
}
