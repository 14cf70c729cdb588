// Namespace: copies of trees, the read-only ones among them in a directory of their own.
//
// A copy has inodes of its own, with everything that is said in the source's but the rules and quotas of directories:
// those belong to the place.
#include <algorithm>

#include "base/check.h"
#include "master/namespace.h"
#include "master/path.h"

namespace gfs::master {

bool Namespace::is_in_snapshot(InodeId id) const {
  const InodeId directory = snapshots_.directory();
  if (directory.value == 0) return false;
  while (id != directory) {
    const Inode* found = inode(id);
    if (found == nullptr || found->parent.value == 0) return false;
    id = found->parent;
  }
  return true;
}

Result<> Namespace::check_changeable(InodeId id) const {
  if (!is_in_snapshot(id)) return {};
  return fail(Code::refused,
              "{}: nothing in /{} can be changed; snapshot rm removes, snapshot restore copies out of it", name_of(id),
              kSnapshotsName);
}

Result<Namespace::Place> Namespace::place_of_copy(std::string_view target, bool named) const {
  if (!named) {
    Result<Place> at = place(target);
    if (!at) return at;
    Result<> changeable = check_changeable(at->parent);
    if (!changeable) return fail(std::move(changeable));
    return at;
  }
  const std::string path = fmt::format("/{}", target);
  Result<std::vector<std::string_view>> components = split_path(path);
  if (!components) return fail(std::move(components));
  if (components->size() != 1)
    return fail(Code::invalid_argument, "{}: a snapshot's name is one name, without a slash", target);
  const InodeId directory = snapshots_.directory();
  if (directory.value != 0) return Place{directory, target};
  if (entries_.find(kRoot, kSnapshotsName).value != 0) {
    return fail(Code::already_exists, "/{} exists already, and is not the directory of the snapshots: it is in the way",
                kSnapshotsName);
  }
  return Place{{}, target};  // yet to be made
}

// What is copied of it: a snapshot of the root is without the snapshots.
Usage Namespace::copied_usage(InodeId source) const {
  Usage what = whole(source);
  if (source == kRoot && snapshots_.directory().value != 0) what -= whole(snapshots_.directory());
  return what;
}

Result<> Namespace::check_copy(std::string_view source, std::string_view target, bool named) const {
  Result<InodeId> from = find(source);
  if (!from) return fail(std::move(from));
  Result<Place> to = place_of_copy(target, named);
  if (!to) return fail(std::move(to));
  if (to->parent.value != 0 && entries_.find(to->parent, to->name).value != 0)
    return fail(Code::already_exists, "{}{} exists already", named ? "snapshot " : "", target);
  for (InodeId above = to->parent; above.value != 0 && !(named && *from == kRoot); above = inode(above)->parent) {
    if (above == *from)
      return fail(Code::invalid_argument, "{} cannot be copied into itself ({})", source,
                  named ? fmt::format("/{}", kSnapshotsName) : std::string(target));
  }
  if (named && snapshots_.full())
    return fail(Code::too_large, "there are {} snapshots already: no more are possible", Snapshots::kMax);
  const Usage what = copied_usage(*from);
  if (what.names() > kCopiedAtOnce) {
    return fail(Code::too_large, "{} has {} files and directories: at most {} can be copied at once", source,
                what.names(), kCopiedAtOnce);
  }
  return check_quota(to->parent.value != 0 ? to->parent : kRoot, what);
}

std::vector<InodeId> Namespace::files_below(InodeId head) const {
  std::vector<InodeId> files, directories;
  auto found = [&](InodeId id) { (inode(id)->type == FileType::file ? files : directories).push_back(id); };
  found(head);
  for (std::size_t next = 0; next < directories.size(); ++next) {
    const InodeId directory = directories[next];
    entries_.walk(directory, {}, [&](InodeId, std::string_view, InodeId child) {
      if (child != snapshots_.directory()) found(child);
      return true;
    });
  }
  return files;
}

Result<Namespace::Copied> Namespace::copy(std::string_view source, std::string_view target, bool named, WallMs now) {
  Result<> possible = check_copy(source, target, named);
  if (!possible) return fail(std::move(possible));
  const InodeId from = *find(source);
  Place to = *place_of_copy(target, named);
  if (to.parent.value == 0) {
    to.parent = add({kRoot, kSnapshotsName}, Inode{.type = FileType::directory}, now);
    snapshots_.begin(to.parent);
  }
  Copied copied;
  copied.what = copied_usage(from);
  Inode head = *inode(from);
  head.parent = {};
  copied.head = inodes_.add(head);
  std::vector<std::pair<InodeId, InodeId>> directories;
  auto made = [&](InodeId old, InodeId copy) {
    if (inode(copy)->type == FileType::file) {
      copied.files.push_back(copy);
      return;
    }
    directories.emplace_back(old, copy);
    Usage below = old == from ? copied.what : whole(old);
    --below.directories;
    if (!(below == Usage())) usage_[copy.value] = below;
  };
  made(from, copied.head);
  std::vector<std::pair<std::string, InodeId>> children;
  for (std::size_t next = 0; next < directories.size(); ++next) {
    const auto [old, copy] = directories[next];
    children.clear();
    entries_.walk(old, {}, [&](InodeId, std::string_view name, InodeId child) {
      if (child != snapshots_.directory()) children.emplace_back(name, child);
      return true;
    });
    change(copy)->size = children.size();
    for (const auto& [name, child] : children) {
      Inode inode_of_copy = *inode(child);
      inode_of_copy.parent = copy;
      const InodeId id = inodes_.add(inode_of_copy);
      entries_.insert(copy, name, id);
      made(child, id);
    }
  }
  attach(to, copied.head, now);
  if (named) snapshots_.add(copied.head, {std::string(source), now});
  return copied;
}

Result<Namespace::Removed> Namespace::remove_snapshot(std::string_view name, WallMs now) {
  const InodeId directory = snapshots_.directory();
  const InodeId gone = directory.value != 0 ? entries_.find(directory, name) : InodeId{};
  if (gone.value == 0) return fail(Code::not_found, "there is no snapshot {}", name);
  Removed removed;
  removed.what = whole(gone);
  snapshots_.erase(gone);
  detach({directory, name}, gone, now);
  drop(gone, fmt::format("/{}/{}", kSnapshotsName, name), removed.files, now);
  return removed;
}

Result<> Namespace::check_snapshots() const {
  const InodeId directory = snapshots_.directory();
  if (directory.value == 0) return {};
  const Inode* found = inode(directory);
  if (found == nullptr || found->type != FileType::directory || found->parent != kRoot ||
      entries_.find(kRoot, kSnapshotsName) != directory)
    return fail(Code::malformed, "the snapshots' directory, inode {}, is not there", directory);
  std::size_t known = 0;
  entries_.walk(directory, {}, [&](InodeId, std::string_view, InodeId head) {
    if (snapshots_.find(head) != nullptr) ++known;
    return true;
  });
  if (known != found->size || known != snapshots_.size())
    return fail(Code::malformed, "{} trees in the snapshots' directory, {} of them known, {} snapshots", found->size,
                known, snapshots_.size());
  return {};
}

}  // namespace gfs::master
