#include <optional>

#include "base/units.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/trash_items.h"

namespace gfs::cli {

namespace {

constexpr std::size_t kAtOnce = 1000;

// The items that are meant.
Result<std::vector<InodeId>> choose(Session& session, const Arguments& arguments) {
  std::vector<InodeId> items;
  const bool all = arguments.has("all"), older = arguments.has("older-than");
  if (static_cast<int>(all) + older + (arguments.count() > 0) != 1)
    return fail(Code::invalid_argument, "what to purge: items or paths, --older-than or --all");
  for (const std::string& text : arguments.rest()) {
    Result<TrashItem> item = find_in_trash(session, text);
    if (!item) return fail(std::move(item));
    items.push_back(item->item);
  }
  if (!all && !older) return items;
  Result<Duration> age = older ? parse_duration(arguments.value("older-than")) : Duration::zero();
  if (!age) return fail(std::move(age));
  Result<> walked = walk_trash(session, true, [&](const TrashItem& item, std::int64_t now_ms) {
    if (item.until_ms > now_ms && now_ms - item.removed_ms >= to_ms(*age)) items.push_back(item.item);
    return true;
  });
  if (!walked) return fail(std::move(walked));
  return items;
}

Result<int> run(Session& session, const Arguments& arguments) {
  Output& out = session.out();
  Result<std::vector<InodeId>> items = choose(session, arguments);
  if (!items) return fail(std::move(items));
  std::uint64_t purged = 0;
  for (std::size_t at = 0; at < items->size(); at += kAtOnce) {
    const auto begin = items->begin() + static_cast<std::ptrdiff_t>(at);
    std::vector<InodeId> some(begin, begin + static_cast<std::ptrdiff_t>(std::min(kAtOnce, items->size() - at)));
    auto purge = [some](Filesystem& filesystem) { return filesystem.purge_trash(some); };
    Result<std::uint64_t> done = session.run<std::uint64_t>(purge);
    if (!done) return fail(std::move(done));
    purged += *done;
  }
  if (out.json()) out.object({{"purged", purged}});
  return kOk;
}

}  // namespace

const Command kTrashPurge{
    .name = "trash purge",
    .group = "Trash",
    .usage = "ITEM|PATH... | --older-than TIME | --all",
    .summary = "lets go for good what was removed",
    .help =
        "Its chunks are taken from the servers' disks later, as those of every file that is gone.\n"
        "Example: trash purge --older-than 12h",
    .options = {{0, "older-than", "TIME", "what was removed so long ago, or longer"}, {0, "all", "", "everything"}},
    .arguments_max = 1000,
    .run = run,
};

}  // namespace gfs::cli
