// What the verbs of the trash share: finding what was removed.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "client_cli/cli/session.h"

namespace gfs::cli {

using TrashItem = bus::ListTrash::Item;

// Page by page, what goes first first; false ends it.
// `for_change`: something will be done by what is found.
using VisitTrash = std::function<bool(const TrashItem& item, std::int64_t now_ms)>;
Result<> walk_trash(Session& session, bool for_change, const VisitTrash& visit);

// "@1f3"
std::string item_text(InodeId item);
// By id ("@1f3") or by its path, of several the one that was removed last. not_found.
Result<TrashItem> find_in_trash(Session& session, const std::string& text);

// `path` is `root`, or below it.
bool is_at_or_below(std::string_view path, std::string_view root);

}  // namespace gfs::cli
