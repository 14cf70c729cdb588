#include "master/directives.h"

#include <fmt/format.h>

#include "master/little_endian.h"

namespace gfs::master {

namespace {

constexpr std::int64_t kRateMax = 1ll << 50;
constexpr std::size_t kRulesSize = 4 * 8, kMarkSize = 16 + 8 + 8 + 16;

}  // namespace

Directive Directives::find(ServerId server, WallMs now) const {
  auto found = marks_.find(server);
  if (found == marks_.end()) return {};
  const bool over = found->second.mark == bus::ServerMark::maint && found->second.until <= now;
  return over ? Directive() : found->second;
}

bool Directives::drains(ServerId server) const {
  if (drains_ == 0) return false;
  auto found = marks_.find(server);
  return found != marks_.end() && found->second.mark == bus::ServerMark::drain;
}

std::set<ServerId> Directives::draining() const {
  std::set<ServerId> servers;
  for (const auto& [server, one] : marks_) {
    if (one.mark == bus::ServerMark::drain) servers.insert(server);
  }
  return servers;
}

void Directives::mark(ServerId server, Directive directive) {
  auto found = marks_.find(server);
  if (found != marks_.end()) {
    if (found->second.mark == bus::ServerMark::drain) --drains_;
    marks_.erase(found);
  }
  if (directive.mark == bus::ServerMark::none) return;
  if (directive.mark == bus::ServerMark::drain) ++drains_;
  marks_.emplace(server, directive);
}

void Directives::change(const RepairRules& change) {
  auto take = [](std::int64_t& rule, std::int64_t value) {
    if (value != bus::SetRepair::kKeep) rule = value;
  };
  take(repair_.paused, change.paused);
  take(repair_.per_server, change.per_server);
  take(repair_.per_cluster, change.per_cluster);
  take(repair_.balance, change.balance);
}

std::string Directives::freeze() const {
  std::string text;
  if (empty()) return text;
  for (std::int64_t rule : {repair_.paused, repair_.per_server, repair_.per_cluster, repair_.balance})
    put(text, static_cast<std::uint64_t>(rule));
  for (const auto& [server, one] : marks_) {
    put_uuid(text, server);
    put(text, static_cast<std::uint64_t>(one.mark));
    put(text, static_cast<std::uint64_t>(one.until));
    put_uuid(text, one.successor);
  }
  return text;
}

Result<> Directives::load(std::string_view piece) {
  Taker taker(piece);
  RepairRules rules;
  for (std::int64_t* rule : {&rules.paused, &rules.per_server, &rules.per_cluster})
    *rule = static_cast<std::int64_t>(taker.number<std::uint64_t>());
  // Checkpoints of before have no fourth rule.
  if (piece.size() % kMarkSize == kRulesSize % kMarkSize)
    rules.balance = static_cast<std::int64_t>(taker.number<std::uint64_t>());
  if (taker.failed() || !check_repair(rules)) return fail(Code::malformed, "the rules of repair are none");
  repair_ = rules;
  while (!taker.at_end()) {
    const auto server = taker.uuid<ServerId>();
    const auto mark = taker.number<std::uint64_t>();
    const auto until = static_cast<WallMs>(taker.number<std::uint64_t>());
    const auto successor = taker.uuid<ServerId>();
    if (taker.failed() || marks_.contains(server) || mark == 0 ||
        mark > static_cast<std::uint64_t>(bus::ServerMark::drain)) {
      return fail(Code::malformed, "the mark of server {} is not whole, or comes twice", server);
    }
    this->mark(server, {static_cast<bus::ServerMark>(mark), until, successor});
  }
  return {};
}

std::string Directives::dump() const {
  std::string text;
  if (repair_ != RepairRules())
    text +=
        fmt::format("repair {} {} {} {}\n", repair_.paused, repair_.per_server, repair_.per_cluster, repair_.balance);
  for (const auto& [server, one] : marks_)
    text += fmt::format("mark {} {} {} {}\n", server, static_cast<int>(one.mark), one.until, one.successor);
  return text;
}

Result<> check_repair(const RepairRules& change) {
  if (change.paused < bus::SetRepair::kKeep || change.paused > 1)
    return fail(Code::invalid_argument, "repair: {} is neither paused nor not", change.paused);
  if (change.balance < bus::SetRepair::kKeep || change.balance > 1)
    return fail(Code::invalid_argument, "balance: {} is neither stopped nor not", change.balance);
  for (std::int64_t rate : {change.per_server, change.per_cluster}) {
    if (rate < bus::SetRepair::kKeep || rate > kRateMax)
      return fail(Code::invalid_argument, "repair: {} bytes a second are no limit", rate);
  }
  return {};
}

}  // namespace gfs::master
