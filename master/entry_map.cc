#include "master/entry_map.h"

#include <cstring>

#include "base/check.h"
#include "master/little_endian.h"

namespace gfs::master {

namespace {

constexpr std::size_t kFixed = 8 + 8 + 1;
constexpr std::size_t kGrowth = 256;
constexpr std::size_t kPiece = 16 << 10;

std::uint64_t number_at(const std::string& page, std::size_t offset) {
  std::uint64_t number = 0;
  std::memcpy(&number, page.data() + offset, sizeof number);
  return number;
}

}  // namespace

EntryMap::EntryMap() { pages_.emplace(Border{}, Cow<std::string>(std::string())); }

EntryMap::Record EntryMap::record_at(const std::string& page, std::size_t offset) {
  const std::size_t length = static_cast<std::uint8_t>(page[offset + 16]);
  return {{InodeId{number_at(page, offset)}, std::string_view(page).substr(offset + kFixed, length)},
          InodeId{number_at(page, offset + 8)},
          offset + kFixed + length};
}

EntryMap::Spot EntryMap::spot(const std::string& page, const Key& key) {
  std::size_t offset = 0;
  while (offset < page.size()) {
    const Record record = record_at(page, offset);
    if (!Less()(record.key, key)) {
      if (Less()(key, record.key)) break;
      return {offset, record.end, true, record.inode};
    }
    offset = record.end;
  }
  return {.offset = offset};
}

EntryMap::Pages::iterator EntryMap::page_of(const Key& key) { return std::prev(pages_.upper_bound(key)); }
EntryMap::Pages::const_iterator EntryMap::page_of(const Key& key) const { return std::prev(pages_.upper_bound(key)); }

InodeId EntryMap::find(InodeId directory, std::string_view name) const {
  const Key key{directory, name};
  return spot(*page_of(key)->second, key).inode;
}

bool EntryMap::insert(InodeId directory, std::string_view name, InodeId inode) {
  CHECK(directory.value > 0 && inode.value > 0 && name.size() <= kNameMax, "entries have been validated");
  const Key key{directory, name};
  auto page = page_of(key);
  const Spot at = spot(*page->second, key);
  if (at.found) return false;
  std::string& bytes = page->second.change();
  char fixed[kFixed];
  std::memcpy(fixed, &directory.value, 8);
  std::memcpy(fixed + 8, &inode.value, 8);
  fixed[16] = static_cast<char>(name.size());
  const std::size_t needed = bytes.size() + kFixed + name.size();
  if (bytes.capacity() < needed) bytes.reserve((needed + kGrowth - 1) / kGrowth * kGrowth);
  bytes.insert(at.offset, name);
  bytes.insert(at.offset, fixed, kFixed);
  ++size_;
  if (bytes.size() > kPageMax) split(page, at.offset);
  return true;
}

void EntryMap::split(Pages::iterator page, std::size_t inserted) {
  std::string& bytes = page->second.change();
  // Names that come in order fill page after page; others get two halves.
  std::size_t at = 0;
  const bool at_end = record_at(bytes, inserted).end == bytes.size();
  if (at_end) {
    at = inserted;
  } else {
    while (at < bytes.size() / 2) at = record_at(bytes, at).end;
  }
  const Record first = record_at(bytes, at);
  Border border{first.key.directory, std::string(first.key.name)};
  pages_.emplace_hint(std::next(page), std::move(border), Cow<std::string>(std::string(bytes, at)));
  bytes.resize(at);
  bytes.shrink_to_fit();
}

bool EntryMap::erase(InodeId directory, std::string_view name) {
  const Key key{directory, name};
  auto page = page_of(key);
  const Spot at = spot(*page->second, key);
  if (!at.found) return false;
  page->second.change().erase(at.offset, at.end - at.offset);
  --size_;
  join(page);
  return true;
}

void EntryMap::join(Pages::iterator page) {
  if (page->second->size() > kPageMax / 4) return;
  auto absorb_next = [this](Pages::iterator into) {
    auto next = std::next(into);
    if (next == pages_.end() || into->second->size() + next->second->size() > kPageMax / 2) return;
    into->second.change() += *next->second;
    pages_.erase(next);
  };
  absorb_next(page);
  if (page != pages_.begin()) absorb_next(std::prev(page));
}

void EntryMap::walk(InodeId directory, std::string_view after, const Visit& visit) const {
  walk_from(directory, after, [&](InodeId at, std::string_view name, InodeId inode) {
    return at == directory && visit(at, name, inode);
  });
}

void EntryMap::walk_from(InodeId directory, std::string_view after, const Visit& visit) const {
  const Key key{directory, after};
  auto page = page_of(key);
  const Spot at = spot(*page->second, key);
  std::size_t offset = at.found ? at.end : at.offset;
  for (; page != pages_.end(); ++page, offset = 0) {
    while (offset < page->second->size()) {
      const Record record = record_at(*page->second, offset);
      if (!visit(record.key.directory, record.key.name, record.inode)) return;
      offset = record.end;
    }
  }
}

void EntryMap::walk_all(const Visit& visit) const {
  for (const auto& [border, bytes] : pages_) {
    for (std::size_t offset = 0; offset < bytes->size();) {
      const Record record = record_at(*bytes, offset);
      if (!visit(record.key.directory, record.key.name, record.inode)) return;
      offset = record.end;
    }
  }
}

EntryMap::Frozen EntryMap::freeze() const {
  Frozen frozen;
  frozen.pages_.reserve(pages_.size());
  for (const auto& [border, bytes] : pages_) frozen.pages_.push_back(bytes.freeze());
  return frozen;
}

bool EntryMap::Frozen::next(std::string& piece) {
  if (next_ == pages_.size()) return false;
  for (const std::size_t before = piece.size(); next_ < pages_.size() && piece.size() - before < kPiece; ++next_) {
    put_text(piece, *pages_[next_]);
    pages_[next_].reset();
  }
  return true;
}

Result<> EntryMap::load(std::string_view piece) {
  Taker taker(piece);
  while (!taker.at_end()) {
    const std::string_view bytes = taker.text();
    if (taker.failed()) return fail(Code::malformed, "the entries end in the middle of a page");
    Result<> loaded = load_page(bytes);
    if (!loaded) return loaded;
  }
  return {};
}

// A page is taken as it was: it need not be put together again.
Result<> EntryMap::load_page(std::string_view bytes) {
  if (bytes.size() > kPageMax) return fail(Code::malformed, "a page of entries of {} bytes", bytes.size());
  if (bytes.empty()) return {};
  std::string page(bytes);
  std::size_t count = 0;
  Key before{last_loaded_.directory, last_loaded_.name};
  for (std::size_t offset = 0; offset < page.size(); ++count) {
    const bool whole = page.size() - offset >= kFixed &&
                       page.size() - offset - kFixed >= static_cast<std::uint8_t>(page[offset + kFixed - 1]);
    if (!whole) return fail(Code::malformed, "a page of entries ends in the middle of one");
    const Record record = record_at(page, offset);
    if (record.key.directory.value == 0 || record.inode.value == 0 || !Less()(before, record.key)) {
      return fail(Code::malformed, "the entry {}/{} stands where it does not belong", record.key.directory,
                  record.key.name);
    }
    before = record.key;
    offset = record.end;
  }
  last_loaded_ = {before.directory, std::string(before.name)};
  const Key begin = record_at(page, 0).key;
  Border first{begin.directory, std::string(begin.name)};
  if (size_ == 0) pages_.clear();
  pages_.emplace_hint(pages_.end(), size_ == 0 ? Border{} : std::move(first), Cow<std::string>(std::move(page)));
  size_ += count;
  return {};
}

}  // namespace gfs::master
