#include "master/configuration_planner.h"

#include <algorithm>

namespace gfs::master {

namespace {

bool cannot_stay(const Standpoint& member) {
  return member.standing == Standing::missing || member.standing == Standing::away ||
         member.standing == Standing::failing;
}

template <class Condition>
std::size_t count(const std::vector<Standpoint>& members, Condition condition) {
  return static_cast<std::size_t>(std::count_if(members.begin(), members.end(), condition));
}

bool contains(const std::vector<ServerId>& servers, ServerId server) {
  return std::find(servers.begin(), servers.end(), server) != servers.end();
}

std::string complaints(const std::vector<Standpoint>& members) {
  std::string text;
  for (const Standpoint& member : members) {
    if (!member.why.empty())
      text += fmt::format("{}server {}: {}", text.empty() ? "" : "; ", member.server, member.why);
  }
  return text;
}

struct Choice {
  bool nothing = false;  // nobody better is to be had: as it is
  bool salvage = false;
  bool damaged_stay = false;  // nobody is known to be sound
  bool suspects_go = false;
  bool goes(const Standpoint& member) const {
    if (nothing) return false;
    if (member.standing == Standing::damaged) return !damaged_stay;
    return cannot_stay(member) || (suspects_go && member.standing == Standing::suspect);
  }
};

// Whether those who go may go, and whether what is damaged or suspect has to do.
Result<Choice> judge(const Situation& situation) {
  const std::vector<Standpoint>& members = situation.members;
  auto counting = [&](Standing standing) {
    return count(members, [&](const Standpoint& one) { return one.counts && one.standing == standing; });
  };
  if (situation.virgin || counting(Standing::sound) > 0) return Choice{};
  const bool gone =
      std::any_of(members.begin(), members.end(), [](const Standpoint& one) { return one.counts && cannot_stay(one); });
  if (counting(Standing::unknown) > 0) {
    if (!gone) return Choice{.damaged_stay = true};  // the primary will hear what they hold
    return fail(Code::unavailable, "no member has reported yet that is not in doubt ({})", complaints(members));
  }
  const bool others = situation.absent || counting(Standing::away) + counting(Standing::failing) > 0;
  const std::size_t damaged = counting(Standing::damaged);
  if (damaged > 0 && (!others || situation.waited))
    return Choice{.damaged_stay = true, .suspects_go = damaged >= situation.minimum};
  if (damaged > 0) {
    return fail(Code::unavailable, "only members with bad blocks, or less, are here: the others are waited for ({})",
                complaints(members));
  }
  if (counting(Standing::suspect) == 0) {
    if (!others) return Choice{.nothing = true};  // missing, all of them
    return fail(Code::unavailable, "no member that holds the chunk can be had ({})", complaints(members));
  }
  if (situation.salvage) return Choice{.salvage = true};
  if (!others || situation.waited) return Choice{.salvage = true};
  return fail(Code::unavailable,
              "only members that may have lost bytes in a power cut are here: the others are waited for ({})",
              complaints(members));
}

std::size_t least(const Situation& situation) { return std::max({situation.goal, situation.minimum, std::size_t{1}}); }

// All are sound, and there are more than there should be.
bool has_surplus(const Situation& situation) {
  const bool sound = std::ranges::all_of(
      situation.members, [](const Standpoint& one) { return one.counts && one.up && one.standing == Standing::sound; });
  return sound && !situation.virgin && situation.settled && situation.enlist.nil() &&
         situation.members.size() > least(situation);
}

// One that drains may acknowledge alone: it cannot go before another one leads.
bool hands_over(const Situation& situation) {
  const bool stuck = std::ranges::any_of(situation.members, [&](const Standpoint& one) {
    return one.leaving && one.server == situation.primary && contains(situation.lone, one.server);
  });
  const bool others = std::ranges::any_of(situation.members, [](const Standpoint& one) { return !one.leaving; });
  return stuck && others && has_surplus(situation);
}

// Those who are too many where all are sound: first who drains, then of the rack that has most members, the last of
// them; not whoever leads (unless it drains), or may acknowledge alone.
std::vector<ServerId> surplus(const Situation& situation) {
  if (!has_surplus(situation)) return {};
  std::vector<Standpoint> kept = situation.members;
  std::vector<ServerId> many;
  auto may_go = [&](const Standpoint& one) {
    return one.server != situation.lead && (one.leaving || one.server != situation.primary) &&
           !contains(situation.lone, one.server);
  };
  auto neighbours = [&](const Standpoint& one) {
    return std::pair(one.leaving, std::ranges::count(kept, one.rack, &Standpoint::rack));
  };
  while (kept.size() > least(situation)) {
    auto worst = kept.end();
    for (auto one = kept.begin(); one != kept.end(); ++one) {
      if (may_go(*one) && (worst == kept.end() || neighbours(*one) >= neighbours(*worst))) worst = one;
    }
    if (worst == kept.end()) break;
    // Not instead of one that drains and cannot go yet.
    const bool drains = std::ranges::any_of(kept, &Standpoint::leaving);
    if (drains && !worst->leaving) break;
    many.push_back(worst->server);
    kept.erase(worst);
  }
  return many;
}

// 0 is best; nothing: it may not lead.
std::optional<int> rank(const Standpoint& member, const Situation& situation) {
  if (!member.up || (!member.counts && !situation.virgin) || cannot_stay(member)) return std::nullopt;
  int rank = member.server == situation.lead ? 0 : member.server == situation.primary ? 1 : 2;
  if (member.slow) rank += 3;
  if (member.leaving) rank += 6;  // behind those that stay
  if (member.server == situation.follow) rank += 12;
  if (member.standing == Standing::damaged) rank += 24;
  if (member.standing == Standing::suspect) rank += 48;
  return rank;
}

}  // namespace

Result<std::optional<NextConfiguration>> plan_configuration(const Situation& situation) {
  Result<Choice> choice = judge(situation);
  if (!choice) return fail(std::move(choice));
  const std::vector<ServerId> too_many = surplus(situation);
  auto goes = [&](const Standpoint& member) { return choice->goes(member) || contains(too_many, member.server); };
  const bool anybody_goes = std::any_of(situation.members.begin(), situation.members.end(), goes);
  const bool mends = std::any_of(situation.members.begin(), situation.members.end(),
                                 [](const Standpoint& one) { return one.standing == Standing::suspect && !one.stale; });
  const bool wanted = hands_over(situation) || situation.renew || !situation.lead.nil() || !situation.follow.nil() ||
                      !situation.enlist.nil();
  const bool salvages = choice->salvage && !situation.salvage;
  if (!anybody_goes && !mends && !wanted && !salvages) return std::optional<NextConfiguration>();

  NextConfiguration next;
  next.salvage = choice->salvage;
  next.why = complaints(situation.members);
  std::vector<Standpoint> kept;
  for (const Standpoint& member : situation.members) {
    if (goes(member)) {
      next.dropped.push_back(member.server);
      continue;
    }
    kept.push_back(member);
    next.members.push_back(member.server);
    if (!member.counts) next.joining.push_back(member.server);
  }
  auto enlist = [&](ServerId server) {
    if (server.nil() || contains(next.members, server)) return;
    next.members.push_back(server);
    if (!situation.virgin) next.joining.push_back(server);
    std::erase(next.dropped, server);
    kept.push_back(Standpoint{.server = server, .counts = false});
  };
  enlist(situation.enlist);
  // Nothing is lost with a virgin chunk's members, so it is made whole; else learners come only as far as one must.
  const std::size_t wanted_members = situation.virgin ? situation.goal : situation.minimum;
  for (ServerId learner : situation.learners) {
    if (next.members.size() < wanted_members) enlist(learner);
  }
  if (next.members.size() < situation.minimum) {
    return fail(Code::not_enough_servers, "{} of {} members can be written to, {} are needed ({})", next.members.size(),
                situation.members.size(), situation.minimum, next.why);
  }
  std::optional<int> best;
  for (const Standpoint& member : kept) {
    std::optional<int> one = rank(member, situation);
    if (choice->nothing && !one && member.up && member.counts) one = 96;
    if (!one || (best && *best <= *one)) continue;
    best = one;
    next.primary = member.server;
  }
  if (!best) return fail(Code::unavailable, "no member that holds the chunk has registered yet ({})", next.why);
  return std::optional(std::move(next));
}

}  // namespace gfs::master
