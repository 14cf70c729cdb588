#include "master/namespace.h"

#include <bitset>
#include <unordered_map>

#include "base/check.h"
#include "master/path.h"

namespace gfs::master {

Namespace::Namespace() {
  const InodeId root = inodes_.add(Inode{.type = FileType::directory});
  CHECK(root == kRoot, "the root is the first");
}

Result<InodeId> Namespace::find(std::string_view path) const {
  Result<std::vector<std::string_view>> components = split_path(path);
  if (!components) return fail(std::move(components));
  InodeId at = kRoot;
  for (std::string_view component : *components) {
    std::string_view upto = path.substr(0, static_cast<std::size_t>(component.data() - path.data()) + component.size());
    if (inode(at)->type != FileType::directory) {
      return fail(Code::not_a_directory, "{} is a file: there is nothing below it",
                  upto.substr(0, upto.size() - component.size() - 1));
    }
    at = entries_.find(at, component);
    if (at.value == 0) return fail(Code::not_found, "{} does not exist", upto);
  }
  return at;
}

Result<Namespace::Place> Namespace::place(std::string_view path) const {
  Result<std::vector<std::string_view>> components = split_path(path);
  if (!components) return fail(std::move(components));
  if (components->empty()) return fail(Code::invalid_argument, "/ is the root: it cannot be made, moved or removed");
  std::string_view name = components->back();
  std::string_view parent = path.substr(0, path.size() - name.size() - 1);
  Result<InodeId> directory = find(parent.empty() ? "/" : parent);
  if (!directory) return fail(std::move(directory));
  if (inode(*directory)->type != FileType::directory)
    return fail(Code::not_a_directory, "{} is a file: there is nothing below it", parent);
  return Place{*directory, name};
}

void Namespace::touch(InodeId directory, std::int64_t entries, WallMs now) {
  Inode* found = change(directory);
  CHECK(found != nullptr, "a directory with entries exists");
  found->size = static_cast<std::uint64_t>(static_cast<std::int64_t>(found->size) + entries);
  found->mtime = std::max(found->mtime, now);
}

InodeId Namespace::add(const Place& place, Inode inode, WallMs now) {
  inode.mtime = now;
  if (inode.type == FileType::file) ++files_;
  const InodeId id = inodes_.add(inode);
  const bool fresh = entries_.insert(place.parent, place.name, id);
  CHECK(fresh, "names are unique in their directory");
  touch(place.parent, 1, now);
  return id;
}

Result<> Namespace::check_create(std::string_view path) const {
  Result<Place> at = place(path);
  if (!at) return fail(std::move(at));
  if (entries_.find(at->parent, at->name).value != 0) return fail(Code::already_exists, "{} exists already", path);
  return {};
}

Result<> Namespace::check_directory(std::string_view path) const {
  Result<InodeId> there = find(path);
  if (!there && there.error().code != Code::not_found) return fail(std::move(there));
  if (there && inode(*there)->type != FileType::directory) return fail(Code::already_exists, "{} is a file", path);
  return {};
}

Result<> Namespace::check_exists(std::string_view path) const {
  Result<InodeId> there = find(path);
  if (!there) return fail(std::move(there));
  return {};
}

Result<InodeId> Namespace::create(std::string_view path, Inode inode, WallMs now) {
  Result<Place> at = place(path);
  if (!at) return fail(std::move(at));
  if (entries_.find(at->parent, at->name).value != 0) return fail(Code::already_exists, "{} exists already", path);
  return add(*at, inode, now);
}

Result<InodeId> Namespace::make_directory(std::string_view path, bool parents, WallMs now) {
  const Inode directory{.type = FileType::directory};
  if (!parents) return create(path, directory, now);
  Result<std::vector<std::string_view>> components = split_path(path);
  if (!components) return fail(std::move(components));
  Result<> possible = check_directory(path);  // to the end before anything is made
  if (!possible) return fail(std::move(possible));
  InodeId at = kRoot;
  for (std::string_view component : *components) {
    const InodeId next = entries_.find(at, component);
    at = next.value != 0 ? next : add(Place{at, component}, directory, now);
  }
  return at;
}

Result<Namespace::Renamed> Namespace::rename(std::string_view source, std::string_view target, bool replace,
                                             WallMs now) {
  Result<Place> from = place(source);
  if (!from) return fail(std::move(from));
  const InodeId moved = entries_.find(from->parent, from->name);
  if (moved.value == 0) return fail(Code::not_found, "{} does not exist", source);
  bool is_directory = inode(moved)->type == FileType::directory;
  if (is_directory && target.starts_with(source) && (target.size() > source.size() && target[source.size()] == '/')) {
    return fail(Code::invalid_argument, "{} cannot be moved into itself ({})", source, target);
  }
  Result<Place> to = place(target);
  if (!to) return fail(std::move(to));
  Renamed renamed{moved, {}};
  if (const InodeId there = entries_.find(to->parent, to->name); there.value != 0) {
    if (there == moved) return renamed;
    const Inode& old = *inode(there);
    if (!replace) return fail(Code::already_exists, "{} exists already", target);
    if (old.type == FileType::directory && !is_directory)
      return fail(Code::is_a_directory, "{} is a directory", target);
    if (old.type == FileType::file && is_directory) return fail(Code::not_a_directory, "{} is a file", target);
    if (old.type == FileType::directory && old.size > 0) return fail(Code::not_empty, "{} is not empty", target);
    renamed.dropped.push_back(there);
    if (old.type == FileType::file) --files_;
    inodes_.erase(there);
    entries_.erase(to->parent, to->name);
    touch(to->parent, -1, now);
  }
  entries_.erase(from->parent, from->name);
  touch(from->parent, -1, now);
  entries_.insert(to->parent, to->name, moved);
  touch(to->parent, 1, now);
  return renamed;
}

void Namespace::collect(InodeId directory, Removed& removed) {
  // An explicit stack: trees may be as deep as a path is long.
  std::vector<InodeId> open{directory};
  while (!open.empty()) {
    InodeId at = open.back();
    open.pop_back();
    std::vector<std::string> names;
    entries_.walk(at, {}, [&](InodeId, std::string_view name, InodeId child) {
      names.emplace_back(name);
      if (inode(child)->type == FileType::directory) {
        open.push_back(child);
      } else {
        removed.files.push_back(child);
        inodes_.erase(child);
        --files_;
      }
      return true;
    });
    for (const std::string& name : names) entries_.erase(at, name);
    inodes_.erase(at);
    ++removed.directories;
  }
}

Result<Namespace::Removed> Namespace::remove(std::string_view path, bool recursive, WallMs now) {
  Result<Place> at = place(path);
  if (!at) return fail(std::move(at));
  const InodeId gone = entries_.find(at->parent, at->name);
  if (gone.value == 0) return fail(Code::not_found, "{} does not exist", path);
  const Inode& old = *inode(gone);
  Removed removed;
  if (old.type == FileType::directory && old.size > 0 && !recursive) {
    return fail(Code::not_empty, "{} is not empty: it has {} entries", path, old.size);
  }
  bool is_directory = old.type == FileType::directory;
  entries_.erase(at->parent, at->name);
  touch(at->parent, -1, now);
  if (is_directory) {
    collect(gone, removed);
  } else {
    removed.files.push_back(gone);
    inodes_.erase(gone);
    --files_;
  }
  return removed;
}

void Namespace::list(InodeId directory, std::string_view after, const Visit& visit) const {
  entries_.walk(directory, after, [&](InodeId, std::string_view name, InodeId inode) { return visit(name, inode); });
}

// Every entry names an inode that nothing else names, in a directory that knows how many it has.
Result<> Namespace::check_loaded() {
  const Inode* root = inode(kRoot);
  if (root == nullptr || root->type != FileType::directory) return fail(Code::malformed, "there is no root directory");
  if (inodes_.size() != entries_.size() + 1)
    return fail(Code::malformed, "{} inodes with {} entries", inodes_.size(), entries_.size());
  Result<> found;
  InodeId directory = kRoot;
  std::uint64_t files = 0, count = 0;
  std::unordered_map<std::uint64_t, std::bitset<256>> named;
  auto whole = [&] {
    const Inode* parent = inode(directory);
    if (parent != nullptr && parent->type == FileType::directory && parent->size == count) return true;
    found = fail(Code::malformed, "directory {} has {} entries, or is none", directory, count);
    return false;
  };
  entries_.walk_all([&](InodeId parent, std::string_view name, InodeId id) {
    if (parent != directory) {
      const bool good = directory == kRoot && count == 0 ? inode(kRoot)->size == 0 : whole();
      if (!good) return false;
      directory = parent;
      count = 0;
    }
    ++count;
    const Inode* child = inode(id);
    if (child == nullptr || id == kRoot || named[id.value / 256][id.value % 256]) {
      found = fail(Code::malformed, "the entry {}/{} names inode {}, which is not there or has a name", parent, name, id);
      return false;
    }
    named[id.value / 256].set(id.value % 256);
    files += child->type == FileType::file;
    return true;
  });
  if (found) whole();
  files_ = files;
  return found;
}

std::string Namespace::dump() const {
  std::string text;
  entries_.walk_all([&](InodeId directory, std::string_view name, InodeId id) {
    const Inode& found = *inode(id);
    text +=
        fmt::format("{}/{} -> {} {} {} {} {} {} {} {}\n", directory, name, id, static_cast<int>(found.type), found.size,
                    found.replicas, found.chunks, found.mtime, found.appends, static_cast<int>(found.ack));
    return true;
  });
  return text;
}

}  // namespace gfs::master
