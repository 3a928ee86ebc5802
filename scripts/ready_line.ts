// Owns the JSON line by which `onhand up --json` and `onhand run --json` tell programs that they are ready.
import type { Config } from "../shared/config.ts";
import type { Endpoints } from "../shared/endpoints.ts";

/** One line: `{ name, role?, url?, endpoints: { nats, postgres, redis }, pid }`, the addresses without secrets. */
export function readyLine(
  { name }: Pick<Config, "name">,
  { nats, postgres, redis }: Omit<Endpoints, "http">,
  what: { role?: string; url?: string | undefined },
): string {
  const endpoints = {
    nats: withoutSecrets(nats),
    postgres: withoutSecrets(postgres),
    redis: withoutSecrets(redis),
  };
  return `${JSON.stringify({ name, ...what, endpoints, pid: process.pid })}\n`;
}

/** The address alone: no user, password or options. */
export function withoutSecrets(address: string): string {
  if (address.includes("://") && URL.canParse(address)) {
    const url = new URL(address);
    url.username = "";
    url.password = "";
    url.search = "";
    return url.href;
  }
  // A list of servers is no URL: what stands before the last @ may be secret.
  return address.replace(/^([a-z+]+:\/\/)?.*@/i, "$1").replace(/\?.*$/, "");
}
