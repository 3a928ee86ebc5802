// Pure.
// What each role may publish and subscribe to, in nats-server's own words: for the users of
// nats.conf, or for an operator's JWT templates.
//
// P1. The server checks a publish on the MAPPED subject: a till needs `inv.log.*.*.<location>.*` too.
// P2. A till speaks for one location only and never in bundles, so `policy`, `order`, `seal`, `tick`
//     and holds with lines (valid only in bundles) are out of its reach.
// P3. Everybody who asks JetStream or waits for a decision needs `_INBOX.>`.

import { LEASE_BUCKET, TOPOLOGY_BUCKET, toToken } from "./subjects.ts";

export type Permissions = {
  publish: { allow: string[]; deny?: string[] };
  subscribe: { allow: string[]; deny?: string[] };
};

const INBOX = "_INBOX.>";
const READ_TOPOLOGY = [
  `$JS.API.STREAM.MSG.GET.KV_${TOPOLOGY_BUCKET}`,
  `$JS.API.STREAM.INFO.KV_${TOPOLOGY_BUCKET}`,
  `$JS.API.CONSUMER.CREATE.KV_${TOPOLOGY_BUCKET}.>`,
  `$JS.API.CONSUMER.DELETE.KV_${TOPOLOGY_BUCKET}.>`,
];

/** A till or storefront: facts and requests of its own location, one command a message. */
export function tillPermissions(location: string): Permissions {
  const token = toToken(location);
  return {
    publish: {
      allow: [`inv.cmd.${token}.*`, `inv.log.*.*.${token}.*`],
      deny: ["inv.log.*.*.bundle"],
    },
    subscribe: { allow: [INBOX, "inv.level.>"] },
  };
}

/** The HTTP edge: all commands, also in bundles; reads the log for strong reads and health. */
export function edgePermissions(): Permissions {
  return {
    publish: {
      allow: [
        "inv.cmd.>",
        "inv.log.>",
        "onhand.>",
        INBOX,
        ...READ_TOPOLOGY,
        "$JS.API.INFO",
        "$JS.API.STREAM.INFO.*",
        "$JS.API.DIRECT.GET.>",
      ],
    },
    subscribe: { allow: [INBOX, "inv.level.>", "inv.alert.>", "inv.hold.>", "onhand.>", "$SRV.>"] },
  };
}

/** A stock process: reads and trims the log, writes ticks, answers, relays effects, holds leases. */
export function stockPermissions(): Permissions {
  return {
    publish: {
      allow: [
        "inv.log.>",
        "inv.level.>",
        "inv.demand.>",
        "inv.need.>",
        "inv.hold.>",
        "inv.alert.>",
        "inv.dead.>",
        INBOX,
        ...READ_TOPOLOGY,
        `$KV.${LEASE_BUCKET}.>`,
        "$JS.API.INFO",
        "$JS.API.STREAM.INFO.*",
        "$JS.API.STREAM.MSG.GET.*",
        "$JS.API.STREAM.PURGE.*",
        "$JS.API.DIRECT.GET.>",
        "$JS.API.CONSUMER.CREATE.>",
        "$JS.API.CONSUMER.DELETE.>",
        "$JS.API.CONSUMER.INFO.>",
        "$JS.API.CONSUMER.MSG.NEXT.>",
      ],
      deny: [TOPOLOGY_BUCKET, LEASE_BUCKET].map((bucket) => `$JS.API.STREAM.PURGE.KV_${bucket}`),
    },
    subscribe: { allow: [INBOX, "inv.level.>", "onhand.>", "$SRV.>"] },
  };
}

/** A forecast process: follows demand windows, writes policies in bundles, answers planners, holds leases. */
export function forecastPermissions(): Permissions {
  return {
    publish: {
      allow: [
        "inv.log.*.*.bundle",
        "inv.alert.>",
        "onhand.>",
        INBOX,
        ...READ_TOPOLOGY,
        `$KV.${LEASE_BUCKET}.>`,
        "$JS.API.INFO",
        "$JS.API.STREAM.INFO.*",
        "$JS.API.STREAM.MSG.GET.*",
        "$JS.API.DIRECT.GET.>",
        "$JS.API.CONSUMER.CREATE.>",
        "$JS.API.CONSUMER.DELETE.>",
        "$JS.API.CONSUMER.INFO.>",
        "$JS.API.CONSUMER.MSG.NEXT.>",
      ],
    },
    subscribe: { allow: [INBOX, "onhand.>", "$SRV.>"] },
  };
}

/** Applies topologies, runs doctor, redrives dead letters. */
export function adminPermissions(): Permissions {
  return { publish: { allow: [">"] }, subscribe: { allow: [">"] } };
}
