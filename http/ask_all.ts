// Owns a question to everybody who listens on a subject.

import type { NatsConnection } from "@nats-io/transport-node";

/** Asks all of them, for `waitMs` or until `take` has what it wants; at once over when nobody listens. */
export async function askAll(
  nc: NatsConnection,
  subject: string,
  waitMs: number,
  take: (data: Uint8Array) => boolean,
): Promise<void> {
  if (nc.isClosed()) return;
  const inbox = `_INBOX.${crypto.randomUUID().replaceAll("-", "")}`;
  let finish: () => void = () => {};
  const done = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const timer = setTimeout(finish, waitMs);
  const subscription = nc.subscribe(inbox, {
    callback: (error, message) => {
      // A single empty message says that nobody listens.
      if (error !== null || message.data.byteLength === 0 || take(message.data)) finish();
    },
  });
  nc.publish(subject, "", { reply: inbox });
  await done;
  clearTimeout(timer);
  subscription.unsubscribe();
}
