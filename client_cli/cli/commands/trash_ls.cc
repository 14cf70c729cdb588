#include "base/units.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/table.h"
#include "client_cli/cli/trash_items.h"

namespace gfs::cli {

namespace {

Json as_json(const TrashItem& item) {
  return {{"item", item_text(item.item)},
          {"path", item.path},
          {"type", item.type == FileType::directory ? "dir" : "file"},
          {"files", item.files},
          {"directories", item.directories},
          {"bytes", item.bytes},
          {"removed_ms", item.removed_ms},
          {"until_ms", item.until_ms}};
}

Result<int> run(Session& session, const Arguments& arguments) {
  Output& out = session.out();
  Result<std::string> root = session.path(arguments.count() > 0 ? arguments[0] : "/");
  if (!root) return fail(std::move(root));
  Table table({"ITEM", "REMOVED", "KEPT FOR", ">FILES", ">SIZE", "PATH"});
  bool any = false;
  Result<> walked = walk_trash(session, false, [&](const TrashItem& item, std::int64_t now_ms) {
    if (item.until_ms <= now_ms || !is_at_or_below(item.path, *root)) return true;
    if (out.json()) {
      out.object(as_json(item));
      return true;
    }
    any = true;
    const bool terminal = out.to_terminal();
    const std::string name = out.name(item.path) + (terminal && item.type == FileType::directory ? "/" : "");
    table.add(
        {item_text(item.item), terminal ? format_wall(item.removed_ms) : std::to_string(item.removed_ms),
         terminal ? format_duration(std::chrono::milliseconds(item.until_ms - now_ms)) : std::to_string(item.until_ms),
         std::to_string(item.files), terminal ? format_size(item.bytes) : std::to_string(item.bytes), name});
    return true;
  });
  if (!walked) return fail(std::move(walked));
  if (any) table.print(out);
  return kOk;
}

}  // namespace

const Command kTrashLs{
    .name = "trash ls",
    .group = "Trash",
    .usage = "[PATH]",
    .summary = "lists what was removed and can be had back, what goes first first",
    .help =
        "PATH: only what was there or below it. In a pipe: item, removed, kept until (both in milliseconds), files,\n"
        "bytes, path; tab-separated.\n"
        "Example: trash ls /logs",
    .options = {},
    .arguments_max = 1,
    .run = run,
};

}  // namespace gfs::cli
