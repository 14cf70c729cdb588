#include "client_cli/cli/trash_items.h"

#include <charconv>
#include <optional>

namespace gfs::cli {

namespace {

std::optional<InodeId> parse_item(std::string_view text) {
  InodeId item;
  if (!text.starts_with('@')) return std::nullopt;
  text.remove_prefix(1);
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), item.value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return item;
}

}  // namespace

Result<> walk_trash(Session& session, bool for_change, const VisitTrash& visit) {
  TrashItem after;
  while (true) {
    auto ask = [after, for_change](Filesystem& filesystem) { return filesystem.trash_page(after, for_change); };
    Result<bus::ListTrash::Reply> page = session.run<bus::ListTrash::Reply>(ask);
    if (!page) return fail(std::move(page));
    for (const TrashItem& item : page->items) {
      const bool forward =
          item.until_ms > after.until_ms || (item.until_ms == after.until_ms && item.item > after.item);
      if (!forward) return fail(Code::malformed, "the trash: the master's pages do not go forward at {}", item.path);
      if (!visit(item, page->now_ms)) return {};
      after = item;
    }
    if (!page->more || page->items.empty()) return {};
  }
}

std::string item_text(InodeId item) { return fmt::format("@{:x}", item.value); }

Result<TrashItem> find_in_trash(Session& session, const std::string& text) {
  std::optional<InodeId> id = parse_item(text);
  std::string path;
  if (!id) {
    Result<std::string> full = session.path(text);
    if (!full) return fail(std::move(full));
    path = *std::move(full);
  }
  std::optional<TrashItem> found;
  Result<> walked = walk_trash(session, true, [&](const TrashItem& item, std::int64_t now_ms) {
    if (item.until_ms <= now_ms || (id ? item.item != *id : item.path != path)) return true;
    if (!found || item.removed_ms >= found->removed_ms) found = item;
    return !id;
  });
  if (!walked) return fail(std::move(walked));
  if (!found) {
    return fail(Code::not_found, "{} is not in the trash", id ? "item " + item_text(*id) : path);
  }
  return *std::move(found);
}

bool is_at_or_below(std::string_view path, std::string_view root) {
  if (root == "/" || path == root) return true;
  return path.starts_with(root) && path[root.size()] == '/';
}

}  // namespace gfs::cli
