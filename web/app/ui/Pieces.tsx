// A line with values in it (a subject, the address of a link): its words, and a chip with the name of each value.
import classes from "./Pieces.module.css";

export interface Piece {
  text: string;
  /** Differs from recipient to recipient. */
  variable: boolean;
}

export function Pieces({ pieces }: { pieces: readonly Piece[] }) {
  return (
    <>
      {pieces.map((piece, index) =>
        piece.variable ? (
          <span key={index} className={classes.chip}>
            {`{${piece.text}}`}
          </span>
        ) : (
          <span key={index}>{piece.text}</span>
        ),
      )}
    </>
  );
}

/** The same as plain text, for searching and for titles. */
export function plainPieces(pieces: readonly Piece[]): string {
  return pieces.map((piece) => (piece.variable ? `{${piece.text}}` : piece.text)).join("");
}

/** An address as people read it: without the scheme, and without the slash at its end. */
export function addressPieces(pieces: readonly Piece[]): Piece[] {
  return pieces.map((piece, index) => {
    if (piece.variable) return piece;
    const text = index === 0 ? piece.text.replace(/^https?:\/\//i, "") : piece.text;
    const last = index === pieces.length - 1 && (index > 0 || text.length > 1);
    return { ...piece, text: last ? text.replace(/\/$/, "") : text };
  });
}
