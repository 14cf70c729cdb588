#include "master/inode_table.h"

#include "base/check.h"
#include "master/little_endian.h"

namespace gfs::master {

const Cow<InodeTable::Page>* InodeTable::page_of(std::uint64_t number) const {
  const std::uint64_t block = number / kPage / kBlock;
  if (block >= blocks_.size() || blocks_[block] == nullptr) return nullptr;
  const Cow<Page>& page = blocks_[block]->pages[number / kPage % kBlock];
  return page ? &page : nullptr;
}

const Inode* InodeTable::find(InodeId id) const {
  const Cow<Page>* page = page_of(id.value);
  if (page == nullptr) return nullptr;
  const Inode& inode = (*page)->inodes[id.value % kPage];
  return inode.type == kNone ? nullptr : &inode;
}

Inode* InodeTable::change(InodeId id) {
  return find(id) == nullptr ? nullptr : &page_for(id.value).inodes[id.value % kPage];
}

InodeTable::Page& InodeTable::page_for(std::uint64_t number) {
  const std::uint64_t block = number / kPage / kBlock;
  if (block >= blocks_.size()) blocks_.resize(block + 1);
  if (blocks_[block] == nullptr) blocks_[block] = std::make_unique<Block>();
  Cow<Page>& page = blocks_[block]->pages[number / kPage % kBlock];
  if (!page) {
    page = Cow<Page>(Page());
    ++blocks_[block]->used;
  }
  return page.change();
}

InodeId InodeTable::add(Inode inode) {
  const InodeId id{++last_};
  Page& page = page_for(id.value);
  page.inodes[id.value % kPage] = inode;
  ++page.used;
  ++size_;
  return id;
}

void InodeTable::erase(InodeId id) {
  Inode* inode = change(id);
  CHECK(inode != nullptr, "only what exists is erased");
  inode->type = kNone;
  --size_;
  Page& page = page_for(id.value);
  if (--page.used > 0) return;
  std::unique_ptr<Block>& block = blocks_[id.value / kPage / kBlock];
  block->pages[id.value / kPage % kBlock] = Cow<Page>();
  if (--block->used == 0) block.reset();
}

InodeTable::Frozen InodeTable::freeze() const {
  Frozen frozen;
  frozen.pages_.reserve(size_ / kPage + 1);
  for (std::size_t b = 0; b < blocks_.size(); ++b) {
    for (std::size_t p = 0; blocks_[b] != nullptr && p < kBlock; ++p) {
      if (blocks_[b]->pages[p]) frozen.pages_.emplace_back(b * kBlock + p, blocks_[b]->pages[p].freeze());
    }
  }
  return frozen;
}

bool InodeTable::Frozen::next(std::string& piece) {
  if (next_ == pages_.size()) return false;
  const auto [number, page] = std::move(pages_[next_++]);
  for (std::uint64_t i = 0; i < kPage; ++i) {
    const Inode& inode = page->inodes[i];
    if (inode.type == kNone) continue;
    put(piece, number * kPage + i);
    put(piece, static_cast<std::uint8_t>(inode.type));
    put(piece, inode.replicas);
    put(piece, static_cast<std::uint8_t>(inode.appends));
    put(piece, static_cast<std::uint8_t>(inode.ack));
    put(piece, inode.chunks);
    put(piece, inode.size);
    put(piece, static_cast<std::uint64_t>(inode.mtime));
  }
  return true;
}

Result<> InodeTable::load(std::string_view piece, InodeId last) {
  if (last.value > kNumberMax) return fail(Code::malformed, "the last inode is said to be {}", last);
  Taker taker(piece);
  while (!taker.at_end()) {
    const auto number = taker.number<std::uint64_t>();
    Inode inode;
    inode.type = static_cast<FileType>(taker.number<std::uint8_t>());
    inode.replicas = taker.number<std::uint8_t>();
    inode.appends = taker.number<std::uint8_t>() != 0;
    inode.ack = static_cast<bus::AckMode>(taker.number<std::uint8_t>());
    inode.chunks = taker.number<std::uint32_t>();
    inode.size = taker.number<std::uint64_t>();
    inode.mtime = static_cast<WallMs>(taker.number<std::uint64_t>());
    if (taker.failed()) return fail(Code::malformed, "the inodes end in the middle of one");
    const bool known = (inode.type == FileType::file || inode.type == FileType::directory) &&
                       (inode.ack == bus::AckMode::all || inode.ack == bus::AckMode::primary);
    if (!known) return fail(Code::malformed, "inode {} is neither file nor directory", number);
    if (number == 0 || number > last.value || find(InodeId{number}) != nullptr)
      return fail(Code::malformed, "inode {} comes twice, or was never given (the last one is {})", number, last);
    Page& page = page_for(number);
    page.inodes[number % kPage] = inode;
    ++page.used;
    ++size_;
  }
  last_ = last.value;
  return {};
}

}  // namespace gfs::master
