#include "master/inode_table.h"

#include "base/check.h"

namespace gfs::master {

Inode* InodeTable::find(InodeId id) {
  const std::uint64_t page = id.value / kPage;
  if (page >= pages_.size() || pages_[page] == nullptr) return nullptr;
  Inode& inode = pages_[page]->inodes[id.value % kPage];
  return inode.type == kNone ? nullptr : &inode;
}

InodeId InodeTable::add(Inode inode) {
  const InodeId id{++last_};
  const std::uint64_t page = id.value / kPage;
  if (page >= pages_.size()) pages_.resize(page + 1);
  if (pages_[page] == nullptr) pages_[page] = std::make_unique<Page>();
  pages_[page]->inodes[id.value % kPage] = inode;
  ++pages_[page]->used;
  ++size_;
  return id;
}

void InodeTable::erase(InodeId id) {
  Inode* inode = find(id);
  CHECK(inode != nullptr, "only what exists is erased");
  inode->type = kNone;
  --size_;
  std::unique_ptr<Page>& page = pages_[id.value / kPage];
  if (--page->used == 0) page.reset();
}

}  // namespace gfs::master
