// PageIndex: border -> page, in order, made for finding.
//
// Borders lie side by side in leaves of at most kLeafMax, so that a search touches few cache lines: a std::map with a
// node for each of 25,000 pages took longer than the search in the page itself.
//
// Pure. An iterator holds until something before it is added, or it is erased itself.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "master/cow.h"

namespace gfs::master {

template <class Key, class Page>
class PageIndex {
  struct Leaf {
    std::vector<Key> borders;
    std::vector<Cow<Page>> pages;
  };
  using Leaves = std::map<Key, Leaf>;  // none of them is empty; a leaf's key is not above its borders

 public:
  static constexpr std::size_t kLeafMax = 128;

  template <class At, class Value>
  struct Iterator {
    At leaf;
    std::size_t at = 0;

    Value& operator*() const { return leaf->second.pages[at]; }
    Value* operator->() const { return &**this; }
    Iterator& operator++() {
      if (++at == leaf->second.pages.size()) *this = {std::next(leaf), 0};
      return *this;
    }
    Iterator& operator--() {
      if (at == 0) {
        --leaf;
        at = leaf->second.pages.size();
      }
      --at;
      return *this;
    }
    bool operator==(const Iterator&) const = default;
  };
  using iterator = Iterator<typename Leaves::iterator, Cow<Page>>;
  using const_iterator = Iterator<typename Leaves::const_iterator, const Cow<Page>>;

  iterator begin() { return {leaves_.begin(), 0}; }
  iterator end() { return {leaves_.end(), 0}; }
  const_iterator begin() const { return {leaves_.begin(), 0}; }
  const_iterator end() const { return {leaves_.end(), 0}; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // The last page with a border up to the key; end(): all are above it.
  iterator page_of(Key key) { return page_of<iterator>(leaves_, key); }
  const_iterator page_of(Key key) const { return page_of<const_iterator>(leaves_, key); }

  // There is no page with that border.
  iterator insert(Key border, Page page) {
    ++size_;
    auto leaf = leaves_.upper_bound(border);
    leaf = leaf == leaves_.begin() ? leaves_.emplace(border, Leaf{}).first : std::prev(leaf);
    std::size_t at = behind(leaf->second, border);
    Leaf& full = leaf->second;
    if (full.borders.size() == kLeafMax) {
      // What comes in order fills leaf after leaf; else there are two halves.
      const std::size_t cut = at == kLeafMax ? at : kLeafMax / 2;
      auto next = leaves_.emplace_hint(std::next(leaf), cut == kLeafMax ? border : full.borders[cut], Leaf{});
      move_behind(full, cut, next->second);
      if (at > cut || cut == kLeafMax) {
        leaf = next;
        at -= cut;
      }
    }
    Leaf& into = leaf->second;
    into.borders.insert(into.borders.begin() + static_cast<std::ptrdiff_t>(at), border);
    into.pages.insert(into.pages.begin() + static_cast<std::ptrdiff_t>(at), Cow<Page>(std::move(page)));
    return {leaf, at};
  }

  void erase(iterator page) {
    --size_;
    Leaf& leaf = page.leaf->second;
    leaf.borders.erase(leaf.borders.begin() + static_cast<std::ptrdiff_t>(page.at));
    leaf.pages.erase(leaf.pages.begin() + static_cast<std::ptrdiff_t>(page.at));
    if (leaf.pages.empty()) leaves_.erase(page.leaf);
  }

 private:
  // How many of a leaf's borders are not above the key.
  static std::size_t behind(const Leaf& leaf, Key key) {
    return static_cast<std::size_t>(std::upper_bound(leaf.borders.begin(), leaf.borders.end(), key) -
                                    leaf.borders.begin());
  }

  template <class Result, class AnyLeaves>
  static Result page_of(AnyLeaves& leaves, Key key) {
    auto leaf = leaves.upper_bound(key);
    while (leaf != leaves.begin()) {
      --leaf;
      const std::size_t at = behind(leaf->second, key);
      if (at > 0) return {leaf, at - 1};  // else the first ones of the leaf are gone, and it is in the one before
    }
    return {leaves.end(), 0};
  }

  static void move_behind(Leaf& from, std::size_t cut, Leaf& to) {
    const auto offset = static_cast<std::ptrdiff_t>(cut);
    to.borders.assign(from.borders.begin() + offset, from.borders.end());
    to.pages.assign(std::make_move_iterator(from.pages.begin() + offset), std::make_move_iterator(from.pages.end()));
    from.borders.resize(cut);
    from.pages.resize(cut);
  }

  Leaves leaves_;
  std::size_t size_ = 0;
};

}  // namespace gfs::master
