#pragma once

namespace guildhall::app {

/// The program: parses the arguments and runs a subcommand. The exit code: 0, 1 for a failure (one line on standard
/// error), 2 for faulty arguments.
int run(int argc, char** argv);

}  // namespace guildhall::app
