// InodeTable: what belongs to a file or directory whatever it is called, by its number.
//
// Numbers are given in order and never again, so the table is an array of pages in an array of blocks, each made when
// its first inode is and freed when its last one goes: 32 bytes an inode.
//
// Pure. Pointers hold until the next change.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "base/time.h"
#include "bus/messages/types.h"
#include "master/cow.h"

namespace gfs::master {

using bus::FileType;

struct Inode {
  FileType type = FileType::file;
  std::uint8_t replicas = 0;  // files: goal
  bool appends = false;       // files: takes record appends
  bus::AckMode ack = bus::AckMode::all;
  std::uint32_t chunks = 0;  // files: highest chunk index + 1
  std::uint64_t size = 0;    // files: as of the last fsync or close; directories: number of entries
  WallMs mtime = 0;
  InodeId parent;  // the directory with its name; {0}: nobody's, it is the root or heads a tree in the trash
  bool operator==(const Inode&) const = default;
};
static_assert(sizeof(Inode) == 32, "a million files make this count");

class InodeTable {
 public:
  // nullptr: there is none.
  const Inode* find(InodeId id) const;
  // The same, to change it.
  Inode* change(InodeId id);
  // Gives it the next number.
  InodeId add(Inode inode);
  void erase(InodeId id);
  // Numbers up to this one are not given any more.
  void skip(InodeId last) { last_ = std::max(last_, last.value); }

  std::uint64_t size() const { return size_; }
  // The highest number ever given.
  InodeId last() const { return InodeId{last_}; }

 private:
  static constexpr std::uint64_t kPage = 256;              // inodes
  static constexpr std::uint64_t kBlock = 4096;            // pages
  static constexpr std::uint64_t kNumberMax = 1ull << 42;  // a hundred thousand a second for a year
  static constexpr FileType kNone{0};
  struct Page {
    Page() {
      for (Inode& inode : inodes) inode.type = kNone;
    }
    std::array<Inode, kPage> inodes;
    std::uint32_t used = 0;
  };
  struct Block {
    std::array<Cow<Page>, kBlock> pages;
    std::uint32_t used = 0;
  };

 public:
  // The table as it was when it was frozen, in pieces.
  class Frozen {
   public:
    // Appends the next piece; false: that was all.
    bool next(std::string& piece);

   private:
    friend class InodeTable;
    std::vector<std::pair<std::uint64_t, std::shared_ptr<const Page>>> pages_;
    std::size_t next_ = 0;
  };
  Frozen freeze() const;
  // Adds the inodes of a piece; malformed. Numbers are given from `last` on afterwards.
  Result<> load(std::string_view piece, InodeId last);

 private:
  const Cow<Page>* page_of(std::uint64_t number) const;
  Page& page_for(std::uint64_t number);

  std::vector<std::unique_ptr<Block>> blocks_;
  std::uint64_t last_ = 0;
  std::uint64_t size_ = 0;
};

}  // namespace gfs::master
