// Namespace: what is removed, and what may become of it.
#include <algorithm>

#include "base/check.h"
#include "master/namespace.h"
#include "master/path.h"

namespace gfs::master {

bool Namespace::is_small(InodeId id) const {
  if (whole(id).names() > kRemovedAtOnce) return false;
  std::uint64_t chunks = 0;
  std::vector<InodeId> open{id};
  while (!open.empty()) {
    const InodeId at = open.back();
    open.pop_back();
    if (inode(at)->type == FileType::file) {
      chunks += inode(at)->chunks;
      continue;
    }
    entries_.walk(at, {}, [&](InodeId, std::string_view, InodeId child) {
      open.push_back(child);
      return true;
    });
  }
  return chunks <= kRemovedAtOnce;
}

void Namespace::drop(InodeId id, std::string_view path, std::vector<InodeId>& files, WallMs now) {
  grow({}, whole(id));
  if (!is_small(id)) {
    trash_.add({.inode = id, .path = std::string(path), .removed = now, .until = Trash::kNow});
    return;
  }
  for (InodeId at = id;;) {
    const InodeId leaf = leaf_of(at);
    if (inode(leaf)->type == FileType::file) files.push_back(leaf);
    at = inode(leaf)->parent;
    (void)erase_leaf(leaf, id);
    if (leaf == id) return;
  }
}

Result<Namespace::Removed> Namespace::remove(std::string_view path, bool recursive, WallMs until, WallMs now) {
  Result<Place> at = place(path);
  if (!at) return fail(std::move(at));
  const InodeId gone = entries_.find(at->parent, at->name);
  if (gone.value == 0) return fail(Code::not_found, "{} does not exist", path);
  Result<> changeable = check_changeable(gone);
  if (!changeable) return fail(std::move(changeable));
  const Inode& old = *inode(gone);
  if (old.type == FileType::directory && old.size > 0 && !recursive) {
    return fail(Code::not_empty, "{} is not empty: it has {} entries", path, old.size);
  }
  Removed removed;
  removed.what = whole(gone);
  detach(*at, gone, now);
  if (until == 0) {
    drop(gone, path, removed.files, now);
    return removed;
  }
  grow({}, removed.what);
  trash_.add({.inode = gone, .path = std::string(path), .removed = now, .until = until});
  removed.item = gone;
  return removed;
}

Result<InodeId> Namespace::restore(InodeId item, std::string_view path, bool parents, WallMs now) {
  const std::optional<TrashItem> found = trash_.find(item);
  if (!found) return fail(Code::not_found, "nothing in the trash has the id {}", item);
  if (found->until <= std::max(now, Trash::kNow))
    return fail(Code::not_found, "{} is on its way out of the trash", found->path);
  Result<std::vector<std::string_view>> components = split_path(path);
  if (!components) return fail(std::move(components));
  if (components->empty()) return fail(Code::invalid_argument, "/ is the root: nothing can have its name");
  const std::string_view above = path.substr(0, path.size() - components->back().size() - 1);
  Result<InodeId> there = find(path);
  if (there) return fail(Code::already_exists, "{} exists already", path);
  if (there.error().code != Code::not_found) return fail(std::move(there));
  Usage more = whole(item);
  components->pop_back();
  const Nearest near = nearest(*components);
  if (near.missing > 0 && !parents) return fail(find(above));
  more.directories += near.missing;
  Result<> changeable = check_changeable(near.directory);
  if (!changeable) return fail(std::move(changeable));
  Result<> room = check_quota(near.directory, more);
  if (!room) return fail(std::move(room));
  if (near.missing > 0) {
    Result<InodeId> made = make_directory(above, true, now);
    CHECK(made, "there is room, and nothing in the way");
  }
  trash_.erase(item);
  shrink({}, whole(item));
  attach(*place(path), item, now);
  return item;
}

bool Namespace::expire(InodeId item) {
  std::optional<TrashItem> found = trash_.find(item);
  if (!found) return false;
  trash_.erase(item);
  found->until = Trash::kNow;
  trash_.add(*std::move(found));
  return true;
}

InodeId Namespace::leaf_of(InodeId item) const {
  InodeId leaf = item;
  while (inode(leaf)->type == FileType::directory && inode(leaf)->size > 0) {
    const InodeId directory = leaf;
    entries_.walk(directory, {}, [&](InodeId, std::string_view, InodeId first) {
      leaf = first;
      return false;
    });
    CHECK(leaf != directory, "a directory has as many entries as it says");
  }
  return leaf;
}

std::size_t Namespace::erase_leaf(InodeId leaf, InodeId item) {
  const InodeId parent = inode(leaf)->parent;
  const std::size_t told = shrink(parent, whole(leaf));
  if (leaf == item) {
    trash_.erase(item);
  } else {
    std::string name;
    entries_.walk(parent, {}, [&](InodeId, std::string_view first, InodeId id) {
      CHECK(id == leaf, "a leaf is the first of its directory");
      name = first;
      return false;
    });
    entries_.erase(parent, name);
    --change(parent)->size;
  }
  erase(leaf);
  return told;
}

void Namespace::keep_trash(WallMs until) {
  std::vector<TrashItem> short_of;
  trash_.walk(Trash::kNow + 1, {}, [&](const TrashItem& item) {
    if (item.until >= until) return false;
    short_of.push_back(item);
    return true;
  });
  for (TrashItem& item : short_of) {
    trash_.erase(item.inode);
    item.until = until;
    trash_.add(std::move(item));
  }
}

}  // namespace gfs::master
