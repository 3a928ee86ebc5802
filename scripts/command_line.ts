// Owns what all commands of `onhand` share: the common options, where output goes and how errors end.
// Results go to stdout (one JSON document with --json); progress and errors go to stderr.
import { Command, Option } from "commander";
import { type Config, loadConfig, type Overrides } from "../shared/config.ts";
import { type Endpoints, findEndpoints } from "../shared/endpoints.ts";
import { OnhandError } from "../shared/errors.ts";

/** Options every command has. */
export type CommonOptions = { data?: string; json?: boolean };

/** A command with --data, --json and --help. Its action may throw: the dispatcher tells the error. */
export function newCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .addOption(new Option("--data <dir>", "data directory of the running system (default ./.data)"))
    .addOption(new Option("--json", "print the result as JSON"))
    .showHelpAfterError("(see --help)");
}

/**
 * The settings of this call: environment, beaten by options of the same name. `defaults` are this
 * command's own, by their names in the environment.
 */
export function configFrom(
  options: CommonOptions & Overrides,
  defaults: Record<string, string> = {},
): Config {
  const { json: _json, ...overrides } = options;
  return loadConfig({ ...defaults, ...process.env }, overrides);
}

/** The settings and the addresses of the running system. Throws OnhandError `not_running`. */
export function runningSystem(options: CommonOptions & Overrides): {
  config: Config;
  endpoints: Endpoints;
} {
  const config = configFrom(options);
  return { config, endpoints: findEndpoints(config) };
}

/** Prints a result: as JSON when asked, else as the text `human` makes of it. */
export function printResult<T>(
  options: CommonOptions,
  result: T,
  human: (result: T) => string,
): void {
  const text = options.json ? JSON.stringify(result, null, 2) : human(result);
  process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
}

/** A line for the person watching; never mixed with the result. */
export function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Throw to end with exit code 2: the call itself is wrong. */
export function usageError(message: string): OnhandError {
  return new OnhandError("usage", message);
}

/** Throw to end with exit code 1 after the result was printed: it says no (verify, doctor). */
export class ResultIsNo extends Error {}
