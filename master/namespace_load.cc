// Namespace: put together from the pieces of another one, which are not trusted; and as text.
#include <algorithm>

#include "master/namespace.h"

namespace gfs::master {

namespace {

std::string usage_text(const Usage& usage) {
  return fmt::format("  {} files {} directories {} bytes\n", usage.files, usage.directories, usage.bytes);
}

}  // namespace

Result<> Namespace::check_loaded() {
  const Inode* root = inode(kRoot);
  if (root == nullptr || root->type != FileType::directory) return fail(Code::malformed, "there is no root directory");
  Result<> trash = trash_.check_loaded();
  if (!trash) return trash;
  if (inodes_.size() != entries_.size() + 1 + trash_.size()) {
    return fail(Code::malformed, "{} inodes with {} entries and {} trees in the trash", inodes_.size(), entries_.size(),
                trash_.size());
  }
  Result<> entries = check_entries();
  if (!entries) return entries;
  const bool ruled = policies_.all([this](InodeId id) {
    const Inode* directory = inode(id);
    return directory != nullptr && directory->type == FileType::directory;
  });
  if (!ruled) return fail(Code::malformed, "a policy of what is no directory");
  Result<> snapshots = check_snapshots();
  if (!snapshots) return snapshots;
  return add_up();
}

// Every entry names an inode that nothing else names, in a directory that knows how many it has. Each inode's parent is
// put down.
Result<> Namespace::check_entries() {
  Result<> found;
  InodeId directory;
  std::uint64_t count = 0, entries = 0;
  auto whole = [&] {
    const Inode* parent = inode(directory);
    if (parent != nullptr && parent->type == FileType::directory && parent->size == count) return true;
    found = fail(Code::malformed, "directory {} has {} entries, or is none", directory, count);
    return false;
  };
  entries_.walk_all([&](InodeId parent, std::string_view name, InodeId id) {
    if (parent != directory) {
      if (directory.value != 0 && !whole()) return false;
      directory = parent;
      count = 0;
    }
    ++count;
    Inode* child = change(id);
    if (child == nullptr || id == kRoot || child->parent.value != 0 || trash_.find(id)) {
      found =
          fail(Code::malformed, "the entry {}/{} names inode {}, which is not there or has a name", parent, name, id);
      return false;
    }
    child->parent = parent;
    entries += child->type == FileType::directory ? child->size : 0;
    return true;
  });
  if (found && directory.value != 0) whole();
  if (!found) return found;
  Result<> heads;
  entries += inode(kRoot)->size;
  trash_.walk(0, {}, [&](const TrashItem& item) {
    const Inode* head = inode(item.inode);
    if (head == nullptr || item.inode == kRoot) {
      heads = fail(Code::malformed, "the trash has inode {}, which is not there", item.inode);
      return false;
    }
    entries += head->type == FileType::directory ? head->size : 0;
    return true;
  });
  if (heads && entries != entries_.size())
    return fail(Code::malformed, "directories say that they have {} entries, there are {}", entries, entries_.size());
  return heads;
}

// How much is below each directory. malformed: one is below itself.
Result<> Namespace::add_up() {
  std::vector<std::pair<InodeId, InodeId>> directories;  // parent, child
  entries_.walk_all([&](InodeId parent, std::string_view, InodeId id) {
    const Inode& child = *inode(id);
    if (child.type == FileType::directory) directories.emplace_back(parent, id);
    Usage& direct = usage_[parent.value];
    if (child.type == FileType::file) direct += {.files = 1, .bytes = child.size};
    return true;
  });
  // Downwards from the roots, then upwards again: those below are done before.
  std::vector<InodeId> order{kRoot};
  Usage trashed;
  trash_.walk(0, {}, [&](const TrashItem& item) {
    if (inode(item.inode)->type == FileType::directory) {
      order.push_back(item.inode);
    } else {
      trashed += {.files = 1, .bytes = inode(item.inode)->size};
    }
    return true;
  });
  const std::size_t heads = order.size();
  for (std::size_t i = 0; i < order.size(); ++i) {
    auto below = std::ranges::equal_range(directories, order[i], {}, [](const auto& one) { return one.first; });
    for (const auto& [parent, child] : below) order.push_back(child);
  }
  if (order.size() != directories.size() + heads)
    return fail(Code::malformed, "{} directories are in a circle", directories.size() + heads - order.size());
  for (std::size_t i = order.size(); i-- > 1;) {
    const Usage below = whole(order[i]);
    if (i < heads) {
      trashed += below;
    } else {
      usage_[inode(order[i])->parent.value] += below;
    }
  }
  usage_[0] = trashed;
  return {};
}

std::string Namespace::dump() const {
  std::string text;
  entries_.walk_all([&](InodeId directory, std::string_view name, InodeId id) {
    const Inode& found = *inode(id);
    text +=
        fmt::format("{}/{} -> {} {} {} {} {} {} {} {}\n", directory, name, id, static_cast<int>(found.type), found.size,
                    found.replicas, found.chunks, found.mtime, found.appends, static_cast<int>(found.ack));
    if (found.type == FileType::directory) text += usage_text(usage(id));
    return true;
  });
  trash_.walk(0, {}, [&](const TrashItem& item) {
    const Inode& found = *inode(item.inode);
    text += fmt::format("{} is {} {} {} {} {} {} {}\n", item.inode, static_cast<int>(found.type), found.size,
                        found.replicas, found.chunks, found.mtime, found.appends, static_cast<int>(found.ack));
    return true;
  });
  text += trash_.dump() + policies_.dump() + snapshots_.dump();
  for (InodeId id : {kRoot, InodeId{}}) {
    text += usage_text(usage(id));
  }
  return text;
}

}  // namespace gfs::master
