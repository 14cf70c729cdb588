#include "master/trash.h"

#include <algorithm>

#include "base/check.h"
#include "master/path.h"

namespace gfs::master {

namespace {

constexpr std::uint64_t kPlaces = 1ull << 63;
constexpr std::uint64_t kUntilMax = 1ull << 62;
constexpr std::size_t kNumber = 8;
constexpr std::size_t kPieceMax = EntryMap::kNameMax - 1;

// Big-endian: in order as text.
std::string number_text(std::uint64_t number) {
  std::string text(kNumber, '\0');
  for (std::size_t i = 0; i < kNumber; ++i) text[i] = static_cast<char>(number >> (8 * (kNumber - 1 - i)) & 255);
  return text;
}

std::uint64_t number_in(std::string_view text) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < kNumber; ++i) number = number << 8 | static_cast<std::uint8_t>(text[i]);
  return number;
}

InodeId places_of(InodeId item) { return InodeId{kPlaces | item.value}; }

std::string piece_name(std::size_t number, std::string_view text) {
  return std::string(1, static_cast<char>(number)).append(text);
}

}  // namespace

void Trash::add(TrashItem item) {
  const std::uint64_t until =
      std::min<std::uint64_t>(static_cast<std::uint64_t>(std::max(item.until, kNow)), kUntilMax);
  const bool fresh = rows_.insert(InodeId{until}, number_text(item.inode.value), item.inode);
  CHECK(fresh, "an inode is removed once");
  std::string text = number_text(static_cast<std::uint64_t>(std::max<WallMs>(item.removed, 0))) + item.path;
  for (std::size_t at = 0, number = 0; at < text.size(); at += kPieceMax, ++number)
    rows_.insert(places_of(item.inode), piece_name(number, std::string_view(text).substr(at, kPieceMax)),
                 InodeId{until});
  ++size_;
}

std::optional<TrashItem> Trash::find(InodeId inode) const {
  std::string text;
  TrashItem item{.inode = inode, .path = {}, .removed = 0, .until = 0};
  rows_.walk(places_of(inode), {}, [&](InodeId, std::string_view name, InodeId until) {
    text += name.substr(1);
    item.until = static_cast<WallMs>(until.value);
    return true;
  });
  if (text.size() < kNumber) return std::nullopt;
  item.removed = static_cast<WallMs>(number_in(text));
  item.path = text.substr(kNumber);
  return item;
}

void Trash::erase(InodeId inode) {
  std::vector<std::string> pieces;
  InodeId until;
  rows_.walk(places_of(inode), {}, [&](InodeId, std::string_view name, InodeId value) {
    pieces.emplace_back(name);
    until = value;
    return true;
  });
  if (pieces.empty()) return;
  for (const std::string& piece : pieces) rows_.erase(places_of(inode), piece);
  rows_.erase(until, number_text(inode.value));
  --size_;
}

void Trash::walk(WallMs until, InodeId after, const Visit& visit) const {
  const InodeId from{static_cast<std::uint64_t>(std::max<WallMs>(until, 0))};
  rows_.walk_from(from, number_text(after.value), [&](InodeId key, std::string_view, InodeId item) {
    if (key.value >= kPlaces) return false;
    const std::optional<TrashItem> found = find(item);
    CHECK(found, "what is in the order has a place");
    return visit(*found);
  });
}

std::optional<TrashItem> Trash::first() const {
  std::optional<TrashItem> found;
  walk(0, {}, [&](const TrashItem& item) {
    found = item;
    return false;
  });
  return found;
}

Result<> Trash::check_loaded() {
  std::size_t ordered = 0, placed = 0;
  Result<> sound;
  rows_.walk_all([&](InodeId key, std::string_view name, InodeId value) {
    if (key.value >= kPlaces) {
      const InodeId item{key.value & ~kPlaces};
      const bool first = !name.empty() && name[0] == '\0';
      placed += first;
      if (name.empty() || rows_.find(value, number_text(item.value)) != item) {
        sound = fail(Code::malformed, "the trash names inode {} in a place, not in its order", item);
      } else if (first && (name.size() <= kNumber + 1 || !split_path(find(item)->path))) {
        sound = fail(Code::malformed, "the trash has no path for inode {}", item);
      }
    } else {
      ++ordered;
      if (name != number_text(value.value) || key.value > kUntilMax || !find(value))
        sound = fail(Code::malformed, "the trash names inode {} twice", value);
    }
    return sound.has_value();
  });
  if (sound && ordered != placed) return fail(Code::malformed, "{} trees in the trash, and {} places", ordered, placed);
  size_ = ordered;
  return sound;
}

std::string Trash::dump() const {
  std::string text;
  walk(0, {}, [&](const TrashItem& item) {
    text += fmt::format("trash {} until {} removed {} {}\n", item.inode, item.until, item.removed, item.path);
    return true;
  });
  return text;
}

}  // namespace gfs::master
