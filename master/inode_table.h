// InodeTable: what belongs to a file or directory whatever it is called, by its number.
//
// Numbers are given in order and never again, so the table is an array of pages, made when their first inode is and
// freed when their last one goes: 24 bytes an inode.
//
// Pure. Pointers hold until that inode is erased.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/id.h"
#include "base/time.h"
#include "bus/messages/types.h"

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
  bool operator==(const Inode&) const = default;
};
static_assert(sizeof(Inode) == 24, "a million files make this count");

class InodeTable {
 public:
  // nullptr: there is none.
  Inode* find(InodeId id);
  const Inode* find(InodeId id) const { return const_cast<InodeTable*>(this)->find(id); }
  // Gives it the next number.
  InodeId add(Inode inode);
  void erase(InodeId id);

  std::uint64_t size() const { return size_; }

 private:
  static constexpr std::uint64_t kPage = 256;
  static constexpr FileType kNone{0};
  struct Page {
    Page() {
      for (Inode& inode : inodes) inode.type = kNone;
    }
    std::array<Inode, kPage> inodes;
    std::uint32_t used = 0;
  };

  std::vector<std::unique_ptr<Page>> pages_;
  std::uint64_t last_ = 0;
  std::uint64_t size_ = 0;
};

}  // namespace gfs::master
