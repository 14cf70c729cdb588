#include "master/namespace.h"

#include "base/check.h"
#include "master/path.h"

namespace gfs::master {

Namespace::Namespace() { inodes_.emplace(kRoot.value, Inode{.type = FileType::directory}); }

const Inode* Namespace::inode(InodeId id) const {
  auto found = inodes_.find(id.value);
  return found == inodes_.end() ? nullptr : &found->second;
}

Inode* Namespace::inode(InodeId id) {
  auto found = inodes_.find(id.value);
  return found == inodes_.end() ? nullptr : &found->second;
}

const InodeId* Namespace::entry(InodeId directory, std::string_view name) const {
  auto found = entries_.find(View{directory, name});
  return found == entries_.end() ? nullptr : &found->second;
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
    const InodeId* next = entry(at, component);
    if (next == nullptr) return fail(Code::not_found, "{} does not exist", upto);
    at = *next;
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
  return Place{*directory, std::string(name)};
}

void Namespace::touch(InodeId directory, std::int64_t entries, WallMs now) {
  Inode* found = inode(directory);
  CHECK(found != nullptr, "a directory with entries exists");
  found->size = static_cast<std::uint64_t>(static_cast<std::int64_t>(found->size) + entries);
  found->mtime = std::max(found->mtime, now);
}

InodeId Namespace::add(const Place& place, Inode inode, WallMs now) {
  last_inode_ = last_inode_.next();
  inode.mtime = now;
  if (inode.type == FileType::file) ++files_;
  bool fresh = entries_.emplace(Key{place.parent, place.name}, last_inode_).second;
  CHECK(fresh, "names are unique in their directory");
  inodes_.emplace(last_inode_.value, inode);
  touch(place.parent, 1, now);
  return last_inode_;
}

Result<> Namespace::check_create(std::string_view path) const {
  Result<Place> at = place(path);
  if (!at) return fail(std::move(at));
  if (entry(at->parent, at->name) != nullptr) return fail(Code::already_exists, "{} exists already", path);
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
  if (entry(at->parent, at->name) != nullptr) return fail(Code::already_exists, "{} exists already", path);
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
    const InodeId* next = entry(at, component);
    at = next != nullptr ? *next : add(Place{at, std::string(component)}, directory, now);
  }
  return at;
}

Result<Namespace::Renamed> Namespace::rename(std::string_view source, std::string_view target, bool replace,
                                             WallMs now) {
  Result<Place> from = place(source);
  if (!from) return fail(std::move(from));
  const InodeId* found = entry(from->parent, from->name);
  if (found == nullptr) return fail(Code::not_found, "{} does not exist", source);
  InodeId moved = *found;
  bool is_directory = inode(moved)->type == FileType::directory;
  if (is_directory && target.starts_with(source) && (target.size() > source.size() && target[source.size()] == '/')) {
    return fail(Code::invalid_argument, "{} cannot be moved into itself ({})", source, target);
  }
  Result<Place> to = place(target);
  if (!to) return fail(std::move(to));
  Renamed renamed{moved, {}};
  if (const InodeId* there = entry(to->parent, to->name)) {
    if (*there == moved) return renamed;
    const Inode& old = *inode(*there);
    if (!replace) return fail(Code::already_exists, "{} exists already", target);
    if (old.type == FileType::directory && !is_directory)
      return fail(Code::is_a_directory, "{} is a directory", target);
    if (old.type == FileType::file && is_directory) return fail(Code::not_a_directory, "{} is a file", target);
    if (old.type == FileType::directory && old.size > 0) return fail(Code::not_empty, "{} is not empty", target);
    renamed.dropped.push_back(*there);
    if (old.type == FileType::file) --files_;
    inodes_.erase(there->value);
    entries_.erase(entries_.find(View{to->parent, to->name}));
    touch(to->parent, -1, now);
  }
  entries_.erase(entries_.find(View{from->parent, from->name}));
  touch(from->parent, -1, now);
  entries_.emplace(Key{to->parent, to->name}, moved);
  touch(to->parent, 1, now);
  return renamed;
}

void Namespace::collect(InodeId directory, Removed& removed) {
  // An explicit stack: trees may be as deep as a path is long.
  std::vector<InodeId> open{directory};
  while (!open.empty()) {
    InodeId at = open.back();
    open.pop_back();
    auto child = entries_.lower_bound(View{at, {}});
    while (child != entries_.end() && child->first.first == at) {
      if (inode(child->second)->type == FileType::directory) {
        open.push_back(child->second);
      } else {
        removed.files.push_back(child->second);
        inodes_.erase(child->second.value);
        --files_;
      }
      child = entries_.erase(child);
    }
    inodes_.erase(at.value);
    ++removed.directories;
  }
}

Result<Namespace::Removed> Namespace::remove(std::string_view path, bool recursive, WallMs now) {
  Result<Place> at = place(path);
  if (!at) return fail(std::move(at));
  const InodeId* found = entry(at->parent, at->name);
  if (found == nullptr) return fail(Code::not_found, "{} does not exist", path);
  InodeId gone = *found;
  const Inode& old = *inode(gone);
  Removed removed;
  if (old.type == FileType::directory && old.size > 0 && !recursive) {
    return fail(Code::not_empty, "{} is not empty: it has {} entries", path, old.size);
  }
  bool is_directory = old.type == FileType::directory;
  entries_.erase(entries_.find(View{at->parent, at->name}));
  touch(at->parent, -1, now);
  if (is_directory) {
    collect(gone, removed);
  } else {
    removed.files.push_back(gone);
    inodes_.erase(gone.value);
    --files_;
  }
  return removed;
}

void Namespace::list(InodeId directory, std::string_view after, const Visit& visit) const {
  auto at = after.empty() ? entries_.lower_bound(View{directory, {}}) : entries_.upper_bound(View{directory, after});
  while (at != entries_.end() && at->first.first == directory && visit(at->first.second, at->second)) ++at;
}

std::string Namespace::dump() const {
  std::string text;
  for (const auto& [key, id] : entries_) {
    const Inode& found = *inode(id);
    text += fmt::format("{}/{} -> {} {} {} {} {} {}\n", key.first, key.second, id, static_cast<int>(found.type),
                        found.size, found.replicas, found.chunks, found.mtime);
  }
  return text;
}

}  // namespace gfs::master
