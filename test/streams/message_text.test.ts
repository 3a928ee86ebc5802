import { MsgImpl } from "@nats-io/nats-core/internal";
import { headers, type Msg } from "@nats-io/transport-node";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { headerOf, replyBytes, subjectOf } from "../../streams/message_text.ts";

const decode = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const encode = (text: string): Buffer => Buffer.from(text);

/** A message as the client hands it over: of buffers, or of plain bytes where a piece of it came late. */
function messageOf(subject: string, reply: string | undefined, header?: [string, string][]) {
  const lines = headers();
  for (const [name, value] of header ?? []) lines.append(name, value);
  const head =
    header === undefined ? Buffer.alloc(0) : Buffer.from((lines as never as Encoded).encode());
  const data = Buffer.concat([head, encode("payload")]);
  const bytes = (buffer: Buffer, plain: boolean) => (plain ? new Uint8Array(buffer) : buffer);
  return [false, true].map((plain) => {
    const arg = {
      subject: bytes(encode(subject), plain),
      reply: reply === undefined ? undefined : bytes(encode(reply), plain),
      sid: 1,
      hdr: header === undefined ? -1 : head.length,
      size: data.length,
    };
    return new MsgImpl(arg as never, bytes(data, plain), {} as never) as Msg;
  });
}
type Encoded = { encode(): Uint8Array };

describe("subjectOf(), replyBytes(), headerOf()", () => {
  const name = "Onhand-Reply-To";
  it("read what the client's own getters read", () => {
    const token = fc
      .string({ unit: "grapheme", minLength: 1 })
      .filter((text) => /^\S+$/.test(text) && !text.startsWith("\u{feff}"));
    const value = fc.stringMatching(/^[\x21-\x7e]{1,40}$/);
    fc.assert(
      fc.property(
        token,
        value,
        fc.option(
          fc.array(fc.tuple(fc.constantFrom(name, "X", `${name}-X`, "onhand-reply-to"), value)),
        ),
        (subject, reply, header) => {
          for (const message of messageOf(subject, reply, header ?? undefined)) {
            expect(subjectOf(message)).toBe(message.subject);
            expect(decode(replyBytes(message))).toBe(message.reply);
            expect(headerOf(message, name)).toBe(message.headers?.get(name) || undefined);
          }
        },
      ),
    );
  });

  it("know a message without them", () => {
    for (const message of messageOf("inv.x", undefined, undefined)) {
      expect(replyBytes(message)).toHaveLength(0);
      expect(headerOf(message, name)).toBeUndefined();
    }
    for (const message of messageOf("inv.x", undefined, []))
      expect(headerOf(message, name)).toBeUndefined();
  });
});
