#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"

namespace gfs::cli {

namespace {

std::string overview(const Session& session) {
  std::string text;
  std::string_view group;
  for (const Command* command : commands()) {
    if (command->shell_only && !session.in_shell()) continue;
    if (command->group != group) {
      group = command->group;
      text += fmt::format("{}{}\n", text.empty() ? "" : "\n", group);
    }
    text += fmt::format("  {:<36} {}\n", usage_of(*command), command->summary);
  }
  return text + "\nhelp VERB tells more.\n";
}

Result<int> run(Session& session, const Arguments& arguments) {
  if (arguments.count() == 0) {
    if (!session.in_shell()) {
      session.out().data(
          "gfs-cli [--master ADDR | --local DIR] [--json] [--timeout D] [--quiet] [--no-color] [VERB ...]\n"
          "--stale-ok [--shadow ADDR[,ADDR]]: reads may come from a shadow of the master while it does not answer.\n"
          "Without a verb: a shell, or a script on standard input. -c 'VERB; VERB' runs several; --keep-going past "
          "failures.\n\n");
    }
    session.out().data(overview(session));
    return kOk;
  }
  Found found = find_command(arguments.rest());
  if (found.command == nullptr) return fail(unknown_verb(arguments.rest()));
  session.out().data(help_of(*found.command));
  return kOk;
}

}  // namespace

const Command kHelp{
    .name = "help",
    .group = "Others",
    .usage = "[VERB]",
    .summary = "this list, or all about one verb",
    .help = "Example: help put",
    .options = {},
    .arguments_max = 2,
    .run = run,
};

}  // namespace gfs::cli
