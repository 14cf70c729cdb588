#include "base/units.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/request_option.h"
#include "client_cli/cli/trash_items.h"
#include "client_cli/cli/walk.h"

namespace gfs::cli {

namespace {

Result<int> run(Session& session, const Arguments& arguments) {
  const bool recursive = arguments.has("recursive"), now = arguments.has("now");
  for (const std::string& text : arguments.rest()) {
    Result<std::string> path = session.path(text);
    if (!path) return fail(std::move(path));
    if (*path == "/") return fail(Code::refused, "/ is not removed; name what is in it");
    auto remove = [path = *path, recursive, now](Filesystem& filesystem) {
      return now ? filesystem.remove_now(path, recursive) : filesystem.remove(path, recursive);
    };
    Result<bus::Remove::Reply> removed = mutate<bus::Remove::Reply>(session, arguments, arguments.count(), remove);
    if (!removed) return fail(std::move(removed));
    Json json{{"path", *path}, {"files", removed->files}, {"directories", removed->directories}};
    const bool kept = removed->item.value != 0;
    if (kept) {
      json["item"] = item_text(removed->item);
      json["until_ms"] = removed->until_ms;
    }
    tell_mutation(session, arguments, std::move(json));
    if (kept && session.interactive() && session.out().errors_to_terminal() && !session.out().json())
      session.out().note(fmt::format("in the trash until {}: trash restore {}", format_wall(removed->until_ms),
                                     item_text(removed->item)));
  }
  return kOk;
}

}  // namespace

const Command kRm{
    .name = "rm",
    .group = "Files",
    .usage = "[-r] [--now] PATH...",
    .summary = "removes files and empty directories",
    .help =
        "What is removed is kept in the trash for a while (3 days, or what setpolicy --trash says of its directory):\n"
        "trash ls shows it, trash restore gives it back.\n"
        "Example: rm -r /logs/2025",
    .options = with_request_options({{'r', "recursive", "", "directories with all that is in them"},
                                     {0, "now", "", "not into the trash: it is gone for good"}}),
    .arguments_min = 1,
    .arguments_max = 1000,
    .run = run,
};

}  // namespace gfs::cli
