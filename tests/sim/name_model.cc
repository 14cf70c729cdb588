#include "tests/sim/name_model.h"

#include <fmt/format.h>

namespace gfs::sim {

bool is_within(const std::string& path, const std::string& directory) {
  return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

bool same(const Named& one, const Named& other) {
  return one.type == other.type && (one.inode == other.inode || one.inode.value == 0 || other.inode.value == 0);
}

const Named* NameModel::find(const std::string& path) const {
  auto found = names_.find(path);
  return found == names_.end() ? nullptr : &found->second;
}

bool NameModel::directory(const std::string& path) const {
  if (common_.contains(path)) return true;
  const Named* named = find(path);
  return named != nullptr && named->type == bus::FileType::directory;
}

Names NameModel::children(const std::string& directory) const {
  Names out;
  for (const auto& [path, named] : names_) {
    if (parent_of(path) == directory) out.emplace(path, named);
  }
  return out;
}

Names NameModel::within(const std::string& path) const {
  Names out;
  for (const auto& [name, named] : names_) {
    if (is_within(name, path)) out.emplace(name, named);
  }
  return out;
}

bool NameModel::doubtful(const std::string& path) const {
  for (const std::string& name : retired_) {
    if (is_within(name, path)) return true;
  }
  return false;
}

std::optional<NameModel::Change> NameModel::create(const std::string& path) const {
  if (find(path) != nullptr || !directory(parent_of(path))) return std::nullopt;
  return Change{{}, {{path, {bus::FileType::file, {}}}}};
}

std::optional<NameModel::Change> NameModel::make_directory(const std::string& path, bool parents) const {
  Change change;
  std::string at = path;
  if (!parents && (find(path) != nullptr || !directory(parent_of(path)))) return std::nullopt;
  for (; !directory(at); at = parent_of(at)) {
    if (find(at) != nullptr) return std::nullopt;  // a file
    change.made.emplace(at, Named{bus::FileType::directory, {}});
  }
  return change;
}

std::optional<NameModel::Change> NameModel::rename(const std::string& source, const std::string& target,
                                                   bool replace) const {
  const Named* moved = find(source);
  if (moved == nullptr || is_within(target, source) || !directory(parent_of(target))) return std::nullopt;
  Change change;
  if (const Named* there = find(target)) {
    if (!replace || there->type != moved->type || within(target).size() > 1) return std::nullopt;
    change.gone.emplace(target, *there);
  }
  for (const auto& [path, named] : within(source)) {
    change.gone.emplace(path, named);
    change.made.emplace(target + path.substr(source.size()), named);
  }
  return change;
}

std::optional<NameModel::Change> NameModel::remove(const std::string& path, bool recursive) const {
  Names all = within(path);
  if (find(path) == nullptr || (all.size() > 1 && !recursive)) return std::nullopt;
  return Change{std::move(all), {}};
}

void NameModel::apply(const Change& change) {
  for (const auto& [path, named] : change.gone) names_.erase(path);
  for (const auto& [path, named] : change.made) names_[path] = named;
}

void NameModel::learn(const std::string& path, InodeId inode) {
  auto found = names_.find(path);
  if (found != names_.end()) found->second.inode = inode;
}

void NameModel::doubt(const Change& change) {
  for (const Names* names : {&change.gone, &change.made}) {
    for (const auto& [path, named] : *names) {
      retired_.insert(path);
      names_.erase(path);
    }
  }
  if (!change.gone.empty() || !change.made.empty()) doubts_.push_back({change.gone, change.made});
}

std::string NameModel::compare(const Names& really, Names& left) const {
  for (const auto& [path, named] : names_) {
    auto found = really.find(path);
    if (found == really.end()) return path + " is gone";
    if (!same(found->second, named)) {
      return fmt::format("{} is {} of type {}, not {} of type {}", path, found->second.inode,
                         static_cast<int>(found->second.type), named.inode, static_cast<int>(named.type));
    }
    left.erase(path);
  }
  for (const Doubt& doubt : doubts_) {
    bool as_before = true;
    bool as_after = true;
    std::string paths;
    for (const Names* names : {&doubt.before, &doubt.after}) {
      for (const auto& [path, ignored] : *names) {
        auto found = really.find(path);
        auto agrees = [&](const Names& state) {
          auto wanted = state.find(path);
          if (wanted == state.end()) return found == really.end();
          return found != really.end() && same(wanted->second, found->second);
        };
        as_before = as_before && agrees(doubt.before);
        as_after = as_after && agrees(doubt.after);
        left.erase(path);
        paths += " " + path + (found == really.end() ? " (absent)" : " (present)");
      }
    }
    if (!as_before && !as_after) return "neither as before nor as after an operation of unknown outcome:" + paths;
  }
  return {};
}

}  // namespace gfs::sim
