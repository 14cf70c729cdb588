#include "master/namespace.h"

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
  const InodeId id = inodes_.add(inode);
  attach(place, id, now);
  return id;
}

void Namespace::attach(const Place& place, InodeId id, WallMs now) {
  const bool fresh = entries_.insert(place.parent, place.name, id);
  CHECK(fresh, "names are unique in their directory");
  change(id)->parent = place.parent;
  touch(place.parent, 1, now);
  grow(place.parent, whole(id));
}

void Namespace::detach(const Place& place, InodeId id, WallMs now) {
  const bool named = entries_.erase(place.parent, place.name);
  CHECK(named, "what is taken away is there");
  change(id)->parent = {};
  touch(place.parent, -1, now);
  shrink(place.parent, whole(id));
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
  Result<> changeable = check_changeable(at->parent);
  if (!changeable) return fail(std::move(changeable));
  if (entries_.find(at->parent, at->name).value != 0) return fail(Code::already_exists, "{} exists already", path);
  Result<> room = check_quota(at->parent, {.files = 1});
  if (!room) return fail(std::move(room));
  return add(*at, inode, now);
}

Namespace::Nearest Namespace::nearest(const std::vector<std::string_view>& components) const {
  Nearest nearest{kRoot, components.size()};
  for (std::string_view component : components) {
    const InodeId next = entries_.find(nearest.directory, component);
    if (next.value == 0 || inode(next)->type != FileType::directory) break;
    nearest.directory = next;
    --nearest.missing;
  }
  return nearest;
}

Result<InodeId> Namespace::make_directory(std::string_view path, bool parents, WallMs now) {
  const Inode directory{.type = FileType::directory};
  if (!parents) return create(path, directory, now);
  Result<std::vector<std::string_view>> components = split_path(path);
  if (!components) return fail(std::move(components));
  Result<> possible = check_directory(path);  // to the end before anything is made
  if (!possible) return fail(std::move(possible));
  const Nearest there = nearest(*components);
  Result<> changeable = there.missing > 0 ? check_changeable(there.directory) : Result<>();
  if (!changeable) return fail(std::move(changeable));
  Result<> room = check_quota(there.directory, {.directories = there.missing});
  if (!room) return fail(std::move(room));
  // Those above are told once, however many there are.
  InodeId at = there.directory;
  for (std::uint64_t left = there.missing; left > 0; --left) {
    const InodeId made = inodes_.add(Inode{.type = FileType::directory, .mtime = now, .parent = at});
    entries_.insert(at, (*components)[components->size() - left], made);
    touch(at, 1, now);
    if (left > 1) usage_[made.value].directories = left - 1;
    at = made;
  }
  grow(there.directory, {.directories = there.missing});
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
  for (InodeId touched : {moved, to->parent}) {
    Result<> changeable = check_changeable(touched);
    if (!changeable) return fail(std::move(changeable));
  }
  Renamed renamed{moved, {}};
  const InodeId there = entries_.find(to->parent, to->name);
  if (there == moved) return renamed;
  Usage replaced;
  if (there.value != 0) {
    Result<> changeable = check_changeable(there);
    if (!changeable) return fail(std::move(changeable));
    const Inode& old = *inode(there);
    if (!replace) return fail(Code::already_exists, "{} exists already", target);
    if (old.type == FileType::directory && !is_directory)
      return fail(Code::is_a_directory, "{} is a directory", target);
    if (old.type == FileType::file && is_directory) return fail(Code::not_a_directory, "{} is a file", target);
    if (old.type == FileType::directory && old.size > 0) return fail(Code::not_empty, "{} is not empty", target);
    replaced = whole(there);
  }
  Result<> room = check_quota(to->parent, whole(moved), replaced, from->parent);
  if (!room) return fail(std::move(room));
  if (there.value != 0) {
    detach(*to, there, now);
    drop(there, target, renamed.dropped, now);
  }
  detach(*from, moved, now);
  attach(*to, moved, now);
  return renamed;
}

void Namespace::erase(InodeId id) {
  if (inode(id)->type == FileType::directory) {
    usage_.erase(id.value);
    policies_.erase(id);
  }
  inodes_.erase(id);
}

void Namespace::list(InodeId directory, std::string_view after, const Visit& visit) const {
  entries_.walk(directory, after, [&](InodeId, std::string_view name, InodeId inode) { return visit(name, inode); });
}

}  // namespace gfs::master
