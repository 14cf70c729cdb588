// EntryMap: (directory, name) -> inode, in order, packed.
//
//   index   page border -> page        (std::map: a page holds the keys from its border up to the next one)
//   page    records in order, one behind the other: {directory u64, inode u64, length u8, name}
//
// A million files of one million std::map nodes would cost 150 bytes each before anything is said about them; packed
// they cost their name, 17 bytes, and some room to grow. Finding is a look-up in the index and a walk over one page of
// at most kPageMax bytes. Pages are split when full and joined when two neighbours fit into half of one.
//
// Pure. A visit may not change the map.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "master/cow.h"

namespace gfs::master {

class EntryMap {
 public:
  static constexpr std::size_t kPageMax = 2048;
  static constexpr std::size_t kNameMax = 255;
  // False ends the walk.
  using Visit = std::function<bool(InodeId directory, std::string_view name, InodeId inode)>;

  EntryMap();

  // {0}: no such entry.
  InodeId find(InodeId directory, std::string_view name) const;
  // False, and nothing happens, if it is there already.
  bool insert(InodeId directory, std::string_view name, InodeId inode);
  bool erase(InodeId directory, std::string_view name);
  // In order, from the first entry that is greater than the name given ("" is before all names).
  void walk(InodeId directory, std::string_view after, const Visit& visit) const;
  // The same, and on through the directories behind it.
  void walk_from(InodeId directory, std::string_view after, const Visit& visit) const;
  void walk_all(const Visit& visit) const;

  std::size_t size() const { return size_; }
  std::size_t pages() const { return pages_.size(); }

  // The map as it was when it was frozen, in pieces: pages, each with its size before it.
  class Frozen {
   public:
    // Appends the next piece; false: that was all.
    bool next(std::string& piece);

   private:
    friend class EntryMap;
    std::vector<std::shared_ptr<const std::string>> pages_;
    std::size_t next_ = 0;
  };
  Frozen freeze() const;
  // Adds the entries of a piece, which come after all that are there; malformed.
  Result<> load(std::string_view piece);

 private:
  struct Border {
    InodeId directory;
    std::string name;
  };
  struct Key {
    InodeId directory;
    std::string_view name;
  };
  struct Less {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return a.directory != b.directory ? a.directory < b.directory
                                        : std::string_view(a.name) < std::string_view(b.name);
    }
  };
  using Pages = std::map<Border, Cow<std::string>, Less>;
  struct Record {
    Key key;
    InodeId inode;
    std::size_t end = 0;  // offset behind it
  };
  // Where a key is in its page, or would be.
  struct Spot {
    std::size_t offset = 0;
    std::size_t end = 0;  // behind the record, if it is there
    bool found = false;
    InodeId inode;
  };

  static Record record_at(const std::string& page, std::size_t offset);
  static Spot spot(const std::string& page, const Key& key);
  Pages::iterator page_of(const Key& key);
  Pages::const_iterator page_of(const Key& key) const;
  void split(Pages::iterator page, std::size_t inserted);
  void join(Pages::iterator page);
  Result<> load_page(std::string_view bytes);

  Pages pages_;  // never empty: the first border is before every key
  std::size_t size_ = 0;
  Border last_loaded_;
};

}  // namespace gfs::master
