// Pure.
// HTML by template, with everything escaped that is put in: html`<p>${text}</p>`.

/** A piece of HTML that needs no escaping any more. */
export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

type Piece = Html | string | number | undefined | readonly Piece[];

export function html(parts: TemplateStringsArray, ...pieces: readonly Piece[]): Html {
  let text = parts[0] as string;
  for (const [i, piece] of pieces.entries()) text += shown(piece) + (parts[i + 1] as string);
  return new Html(text);
}

function shown(piece: Piece): string {
  if (piece === undefined) return "";
  if (piece instanceof Html) return piece.text;
  if (typeof piece === "object") return piece.map(shown).join("");
  return escapeHtml(String(piece));
}

export function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

/** Text in which `code` between backticks is shown as code. */
export function prose(text: string): Html {
  const pieces = text.split("`");
  return new Html(
    pieces
      .map((piece, i) => (i % 2 === 1 ? `<code>${escapeHtml(piece)}</code>` : escapeHtml(piece)))
      .join(""),
  );
}
