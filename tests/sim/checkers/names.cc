#include "tests/sim/checkers/names.h"

#include <fmt/format.h>

namespace gfs::sim {

namespace {

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

bool has_children(const Tree& tree, const std::string& path) {
  auto next = tree.lower_bound(path + "/");
  return next != tree.end() && next->first.starts_with(path + "/");
}

// Whether every folder above the path is there: ok, not_found or not_a_directory.
Code way_to(const Tree& tree, const std::string& path) {
  for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    auto found = tree.find(path.substr(0, at));
    if (found == tree.end()) return Code::not_found;
    if (!found->second) return Code::not_a_directory;
  }
  return Code::ok;
}

void move_tree(Tree& tree, const std::string& from, const std::string& to) {
  Tree moved;
  for (auto entry = tree.begin(); entry != tree.end();) {
    if (entry->first == from || entry->first.starts_with(from + "/")) {
      moved.emplace(to + entry->first.substr(from.size()), entry->second);
      entry = tree.erase(entry);
    } else {
      ++entry;
    }
  }
  tree.merge(moved);
}

Code rename_in_tree(Tree& tree, const NameOp& op) {
  if (Code way = way_to(tree, op.path); way != Code::ok) return way;
  auto source = tree.find(op.path);
  if (source == tree.end()) return Code::not_found;
  const bool directory = source->second;
  if (directory && op.target.starts_with(op.path + "/")) return Code::invalid_argument;
  if (Code way = way_to(tree, op.target); way != Code::ok) return way;
  auto target = tree.find(op.target);
  if (target != tree.end() && op.target != op.path) {
    if (!op.flag) return Code::already_exists;
    if (target->second && !directory) return Code::is_a_directory;
    if (!target->second && directory) return Code::not_a_directory;
    if (target->second && has_children(tree, op.target)) return Code::not_empty;
    tree.erase(target);
  }
  if (op.target != op.path) move_tree(tree, op.path, op.target);
  return Code::ok;
}

Code remove_from_tree(Tree& tree, const NameOp& op) {
  if (Code way = way_to(tree, op.path); way != Code::ok) return way;
  auto found = tree.find(op.path);
  if (found == tree.end()) return Code::not_found;
  if (found->second && has_children(tree, op.path)) {
    if (!op.flag) return Code::not_empty;
    std::erase_if(tree, [&](const auto& entry) { return entry.first.starts_with(op.path + "/"); });
  }
  tree.erase(op.path);
  return Code::ok;
}

Code make_in_tree(Tree& tree, const NameOp& op) {
  if (op.flag) {
    for (std::size_t at = op.path.find('/', 1);; at = op.path.find('/', at + 1)) {
      const std::string upto = op.path.substr(0, at);
      auto found = tree.find(upto);
      if (found != tree.end() && !found->second)
        return at == std::string::npos ? Code::already_exists : Code::not_a_directory;
      if (at == std::string::npos) break;
    }
    for (std::size_t at = op.path.find('/', 1);; at = op.path.find('/', at + 1)) {
      tree.emplace(op.path.substr(0, at), true);
      if (at == std::string::npos) return Code::ok;
    }
  }
  if (Code way = way_to(tree, op.path); way != Code::ok) return way;
  return tree.emplace(op.path, true).second ? Code::ok : Code::already_exists;
}

Code list_of_tree(const Tree& tree, const NameOp& op, NameSeen& seen) {
  if (Code way = way_to(tree, op.path); way != Code::ok) return way;
  auto found = tree.find(op.path);
  if (!op.path.empty() && found == tree.end()) return Code::not_found;
  if (!op.path.empty() && !found->second) {
    seen.entries = {op.path};
    return Code::ok;
  }
  for (const auto& [path, directory] : tree) {
    if (parent_of(path) == op.path) seen.entries.push_back(path + (directory ? "/" : ""));
  }
  return Code::ok;
}

}  // namespace

std::string NameOp::text() const {
  static constexpr const char* kNames[] = {"create", "mkdir", "rename", "remove", "exists", "list"};
  return fmt::format("{} {}{}{}", kNames[static_cast<std::size_t>(kind)], path, target.empty() ? "" : " to " + target,
                     flag ? " (flag)" : "");
}

Code apply_to_tree(Tree& tree, const NameOp& op, NameSeen& seen) {
  switch (op.kind) {
    case NameOp::Kind::create:
      if (Code way = way_to(tree, op.path); way != Code::ok) return way;
      return tree.emplace(op.path, false).second ? Code::ok : Code::already_exists;
    case NameOp::Kind::make_directory:
      return make_in_tree(tree, op);
    case NameOp::Kind::rename:
      return rename_in_tree(tree, op);
    case NameOp::Kind::remove:
      return remove_from_tree(tree, op);
    case NameOp::Kind::exists:
      seen.exists = tree.contains(op.path);
      return Code::ok;
    case NameOp::Kind::list:
      return list_of_tree(tree, op, seen);
  }
  return Code::internal;
}

bool speaks_of_names(Code code) {
  return code == Code::not_found || code == Code::already_exists || code == Code::not_empty ||
         code == Code::not_a_directory || code == Code::is_a_directory || code == Code::invalid_argument;
}

void NameChecker::answered(std::size_t group, const NameOp& op, const Result<NameSeen>& answer) {
  const Code told = answer ? Code::ok : answer.error().code;
  if (!answer && !speaks_of_names(told)) {
    if (answer.error().outcome() == Outcome::may_have_happened) unknown(group, op);
    return;
  }
  if (possible_[group].empty()) return;
  std::set<Tree> fit;
  for (Tree tree : possible_[group]) {
    NameSeen seen;
    if (apply_to_tree(tree, op, seen) != told) continue;
    if (answer && (seen.exists != answer->exists || seen.entries != answer->entries)) continue;
    fit.insert(std::move(tree));
  }
  if (fit.empty())
    fault(group, op,
          answer ? fmt::format("ok {} [{}]", answer->exists, fmt::join(answer->entries, " ")) : answer.error().text());
  possible_[group] = std::move(fit);
}

void NameChecker::unknown(std::size_t group, const NameOp& op) {
  std::set<Tree> more = possible_[group];
  for (Tree tree : possible_[group]) {
    NameSeen seen;
    if (apply_to_tree(tree, op, seen) == Code::ok) more.insert(std::move(tree));
  }
  possible_[group] = std::move(more);
  most_possible_ = std::max(most_possible_, possible_[group].size());
}

void NameChecker::fault(std::size_t group, const NameOp& op, const std::string& answer) {
  std::string trees;
  for (const Tree& tree : possible_[group]) {
    trees += " {";
    for (const auto& [path, directory] : tree) trees += " " + path + (directory ? "/" : "");
    trees += " }";
    if (trees.size() > 1000) break;
  }
  history_.found("names", fmt::format("/g{}: {} was answered {}, which fits none of the possible trees:{}", group,
                                      op.text(), answer, trees));
}

}  // namespace gfs::sim
