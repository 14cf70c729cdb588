// PackedMap: small records in the order of their keys, packed into pages that a frozen view may share.
//
//   index   page border -> Cow<Page>   (page_index.h; a page holds the keys from its border up to the next one)
//   page    records in order, one behind the other: {key, less the border; size varint; body}
//
// Finding is a look-up in the index and a walk over one page of at most kPageMax bytes (more only if a single record is
// larger). A page has little more room than it needs. Keys that are added in order fill page after page; a page that
// has no room for what comes in between is split, and small neighbours are joined.
//
// What a key looks like, and in what bytes it stands in a page, is said by Format:
//
//   using Key = ...;                                              ordered
//   static void put(std::string& page, Key key, Key border);      border <= key
//   static Key take(ByteReader& page, Key border);
//
// Pure. Bodies that are given out hold until the map is changed.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "master/page_index.h"
#include "master/varint.h"

namespace gfs::master {

template <class Format>
class PackedMap {
 public:
  using Key = typename Format::Key;
  static constexpr std::size_t kPageMax = 1024;

  struct Page {
    Key border;
    std::vector<char> bytes;  // unlike a string, it never gets more room than it is told to
    std::string_view view() const { return {bytes.data(), bytes.size()}; }
  };
  // All pages, as they were when it was made.
  using Frozen = std::vector<std::shared_ptr<const Page>>;

  // The records of a page, one after the other. They may come from outside: what is no record ends them.
  class Records {
   public:
    Records(Key border, std::string_view bytes) : border_(border), reader_(bytes) {}
    explicit Records(const Page& page) : Records(page.border, page.view()) {}

    bool next() {
      begin_ = reader_.at();
      if (reader_.done()) return false;
      key_ = Format::take(reader_, border_);
      body_ = reader_.bytes(reader_.varint());
      return !reader_.failed();
    }
    Key key() const { return key_; }
    std::string_view body() const { return body_; }
    // Offsets of the record in the page.
    std::size_t begin() const { return begin_; }
    std::size_t end() const { return reader_.at(); }
    bool failed() const { return reader_.failed(); }

   private:
    Key border_;
    ByteReader reader_;
    Key key_{};
    std::string_view body_;
    std::size_t begin_ = 0;
  };

  std::optional<std::string_view> find(Key key) const {
    auto page = pages_.page_of(key);
    if (page == pages_.end()) return std::nullopt;
    const Spot at = spot(**page, key);
    return at.found ? std::optional(at.body) : std::nullopt;
  }

  // Adds the record, or replaces the one that is there: then false.
  bool put(Key key, std::string_view body) {
    if (!greatest_) greatest_ = last();
    if (greatest_ && *greatest_ < key) {
      put_behind(key, body);
      return true;
    }
    auto page = pages_.page_of(key);
    const bool before_all = page == pages_.end();
    if (before_all) page = pages_.insert(key, Page{key, {}});
    const Spot at = spot(**page, key);
    Page& changed = page->change();
    std::string record;
    append(record, changed.border, key, body);
    replace(changed.bytes, at.begin, at.end, record);
    if (!at.found) ++size_;
    if (changed.bytes.size() > kPageMax) {
      split(page, at.begin);
    } else if (before_all) {
      join(page);
    }
    return !at.found;
  }

  bool erase(Key key) {
    auto page = pages_.page_of(key);
    if (page == pages_.end()) return false;
    const Spot at = spot(**page, key);
    if (!at.found) return false;
    --size_;
    if (greatest_ && !(key < *greatest_)) greatest_.reset();
    if (at.end - at.begin == (*page)->bytes.size()) {
      pages_.erase(page);
      return true;
    }
    replace(page->change().bytes, at.begin, at.end, {});
    join(page);
    return true;
  }

  // Replaces the body of a record, if it is there, by what `change(body)` makes of it.
  template <class Change>
  bool update(Key key, const Change& change) {
    auto page = pages_.page_of(key);
    if (page == pages_.end()) return false;
    const Spot at = spot(**page, key);
    if (!at.found) return false;
    const std::string body = change(at.body);
    Page& changed = page->change();
    std::string record;
    append(record, changed.border, key, body);
    replace(changed.bytes, at.begin, at.end, record);
    if (changed.bytes.size() > kPageMax) split(page, at.begin);
    return true;
  }

  // In order, from `from` on; `visit(key, body)` gives false to end it and may not change the map.
  template <class Visit>
  void walk(Key from, const Visit& visit) const {
    auto page = pages_.page_of(from);
    if (page == pages_.end()) page = pages_.begin();
    for (; page != pages_.end(); ++page) {
      for (Records records(**page); records.next();) {
        if (!(records.key() < from) && !visit(records.key(), records.body())) return;
      }
    }
  }

  // The other way, from the last one that is before `before`.
  template <class Visit>
  void walk_back(Key before, const Visit& visit) const {
    auto page = pages_.page_of(before);
    if (page == pages_.end()) return;
    std::vector<std::pair<Key, std::string_view>> items;
    while (true) {
      items.clear();
      for (Records records(**page); records.next() && records.key() < before;)
        items.emplace_back(records.key(), records.body());
      for (auto at = items.rbegin(); at != items.rend(); ++at) {
        if (!visit(at->first, at->second)) return;
      }
      if (page == pages_.begin()) return;
      --page;
    }
  }

  std::optional<Key> last() const {
    if (pages_.empty()) return std::nullopt;
    Records records(**--pages_.end());
    while (records.next()) {
    }
    return records.key();
  }

  // Costs what copying the pointers to the pages costs.
  Frozen freeze() const {
    Frozen frozen;
    frozen.reserve(pages_.size());
    for (const Cow<Page>& page : pages_) frozen.push_back(page.freeze());
    return frozen;
  }

  std::size_t size() const { return size_; }
  std::size_t pages() const { return pages_.size(); }

 private:
  static constexpr std::size_t kGrowth = 128;
  using Pages = PageIndex<Key, Page>;  // none of them is empty
  // Where a record is in its page, or would be.
  struct Spot {
    std::size_t begin = 0, end = 0;
    bool found = false;
    std::string_view body;
  };

  static Spot spot(const Page& page, Key key) {
    Records records(page);
    while (records.next()) {
      if (records.key() < key) continue;
      if (key < records.key()) break;
      return {records.begin(), records.end(), true, records.body()};
    }
    CHECK(!records.failed(), "a page holds records");
    return {records.begin(), records.begin(), false, {}};
  }

  static void append(std::string& text, Key border, Key key, std::string_view body) {
    Format::put(text, key, border);
    put_varint(text, body.size());
    text += body;
  }

  static void replace(std::vector<char>& bytes, std::size_t begin, std::size_t end, std::string_view record) {
    const std::size_t size = bytes.size() - (end - begin) + record.size();
    if (bytes.capacity() < size) bytes.reserve((size + kGrowth - 1) / kGrowth * kGrowth);
    const auto old_end = bytes.begin() + static_cast<std::ptrdiff_t>(end);
    const auto new_end = bytes.begin() + static_cast<std::ptrdiff_t>(begin + record.size());
    if (old_end < new_end) {
      bytes.insert(old_end, static_cast<std::size_t>(new_end - old_end), 0);
    } else {
      bytes.erase(new_end, old_end);
    }
    std::copy(record.begin(), record.end(), bytes.begin() + static_cast<std::ptrdiff_t>(begin));
    if (bytes.capacity() > size + 2 * kGrowth) bytes.shrink_to_fit();
  }

  // Most records come in order: the page need not be gone through for them.
  void put_behind(Key key, std::string_view body) {
    auto page = --pages_.end();
    Page& changed = page->change();
    const std::size_t begin = changed.bytes.size();
    std::string record;
    append(record, changed.border, key, body);
    replace(changed.bytes, begin, begin, record);
    ++size_;
    greatest_ = key;
    if (changed.bytes.size() > kPageMax) split(page, begin);
  }

  // Appends the records of one page from an offset on to another page that is before it.
  static void move_records(Page& to, const Page& from, std::size_t offset) {
    std::string moved;
    for (Records records(from); records.next();) {
      if (records.begin() >= offset) append(moved, to.border, records.key(), records.body());
    }
    replace(to.bytes, to.bytes.size(), to.bytes.size(), moved);
  }

  // `changed`: where the record is because of which it is too large.
  void split(typename Pages::iterator page, std::size_t changed) {
    Page& full = page->change();
    std::size_t cut = 0, last = 0;
    for (Records records(full); records.next(); last = records.begin()) {
      if (cut < full.bytes.size() / 2) cut = records.begin();
    }
    if (changed == last) cut = last;
    if (cut == 0) return;  // a single one
    Records rest(full);
    while (rest.next() && rest.begin() < cut) {
    }
    Page behind{rest.key(), {}};
    move_records(behind, full, cut);
    full.bytes.resize(cut);
    full.bytes.shrink_to_fit();
    pages_.insert(rest.key(), std::move(behind));
  }

  void join(typename Pages::iterator page) {
    if ((*page)->bytes.size() > kPageMax / 4) return;
    auto absorb_next = [this](typename Pages::iterator into) {
      auto next = into;
      ++next;
      if (next == pages_.end()) return;
      if ((*into)->bytes.size() + (*next)->bytes.size() > kPageMax / 2) return;
      move_records(into->change(), **next, 0);
      pages_.erase(next);
    };
    absorb_next(page);
    if (page != pages_.begin()) absorb_next(--page);
  }

  Pages pages_;
  std::size_t size_ = 0;
  std::optional<Key> greatest_;  // nothing: not known, or there is none
};

}  // namespace gfs::master
