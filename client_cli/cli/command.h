// A verb: one file in commands/ with its name, help, options and what it does. The same in the shell and one-shot.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client_cli/cli/arguments.h"
#include "client_cli/cli/session.h"

namespace gfs::cli {

struct Command {
  std::string_view name;     // "ls", "server ls"
  std::string_view group;    // a heading of `help`
  std::string_view usage;    // what follows the name
  std::string_view summary;  // one line
  std::string_view help;     // the rest, ending in an example
  std::vector<Option> options;
  std::size_t arguments_min = 0;
  std::size_t arguments_max = 0;
  // The exit code. An error is told on stderr by whoever called (execute).
  Result<int> (*run)(Session&, const Arguments&) = nullptr;
  bool shell_only = false;
};

// All, grouped, in the order in which help shows them.
const std::vector<const Command*>& commands();

// The verb at the start of `words` and how many words its name has; null if there is none.
struct Found {
  const Command* command = nullptr;
  std::size_t words = 0;
};
Found find_command(const Words& words);

// The error for words that are no verb, naming the nearest ones.
Error unknown_verb(const Words& words);

// Runs one command to its end and tells its errors; gives the exit code.
int execute(Session& session, const Words& words);

std::string usage_of(const Command& command);
std::string help_of(const Command& command);

}  // namespace gfs::cli
