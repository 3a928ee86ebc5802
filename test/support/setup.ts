// Runs before each test file. In CI the properties try the same cases each time, so that a red run is about the
// change; elsewhere they try new ones (a failure prints its seed), and the simulation tries new ones everywhere.
import fc from "fast-check";

if (process.env.CI) fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: 20_260_101 });
