#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/file_json.h"
#include "client_cli/cli/request_option.h"
#include "client_cli/cli/trash_items.h"

namespace gfs::cli {

namespace {

Result<int> run(Session& session, const Arguments& arguments) {
  Result<TrashItem> item = find_in_trash(session, arguments[0]);
  if (!item) return fail(std::move(item));
  Result<std::string> target = arguments.count() > 1 ? session.path(arguments[1]) : Result<std::string>(item->path);
  if (!target) return fail(std::move(target));
  const bool parents = arguments.has("parents");
  auto restore = [id = item->item, path = *target, parents](Filesystem& filesystem) {
    return filesystem.restore_trash(id, path, parents);
  };
  Result<FileInfo> restored = mutate<FileInfo>(session, arguments, 1, restore);
  if (!restored) return fail(std::move(restored));
  tell_mutation(session, arguments, file_json(*restored));
  return kOk;
}

}  // namespace

const Command kTrashRestore{
    .name = "trash restore",
    .group = "Trash",
    .usage = "[-p] ITEM|PATH [TARGET]",
    .summary = "gives what was removed its name back, or another one",
    .help =
        "ITEM: as trash ls shows it (@1f3). PATH: as it was; of several the one that was removed last. A name that is "
        "in use\n"
        "is not touched: give a TARGET.\n"
        "Example: trash restore /logs/today /logs/yesterday",
    .options = with_request_options({{'p', "parents", "", "make the directories above it that are missing"}}),
    .arguments_min = 1,
    .arguments_max = 2,
    .run = run,
};

}  // namespace gfs::cli
