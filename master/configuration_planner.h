// What the next configuration of a chunk should be, given how its members stand. Decides, does nothing.
//
//   sound     reported, heard: counts                    suspect  may have lost bytes in a power cut: stays a member
//   and is unknown   not registered or not reported yet                  made equal, but is no base while somebody
//   better is left damaged   has all that was acknowledged, but blocks do not verify    missing  nothing is there, but
//   its server is up    away     its server is overdue    failing  accused, and not cleared
//
// What always holds
// * At least one member that counts (is not joining) stays, and one of those that stay is known to be sound. When there
//   is none, by their own word, the damaged ones stay: a bad block is one block, while a suspect member may lack
//   anything. Each may have bad blocks elsewhere, so all of them stay. Suspect ones go then if there are enough damaged
//   ones to write to: of a base with bad blocks nobody can be made a full copy.
// * Only when every member that counts is suspect or missing does what is suspect have to do (`salvage`).
// * With members away that might be sound, neither is done before they had their time (`waited`).
// * Members that were given up while versions were never active may be called back when nobody else is sound
//   (LayoutService::recall); they are waited for as well (`absent`).
// * Never fewer members than the minimum for writing; what is missing is filled up with learners, in the same change
//   ("learner in, dead out").
// * Of a virgin chunk nothing was ever acknowledged: any server will do for any other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/result.h"

namespace gfs::master {

enum class Standing : std::uint8_t { sound, unknown, suspect, damaged, missing, away, failing };

struct Standpoint {
  ServerId server;
  Standing standing = Standing::sound;
  bool counts = true;    // holds the chunk; false: joining
  bool up = true;        // heard in time: may lead
  bool leaving = false;  // drains: goes first where there are too many, and rather does not lead
  bool slow = false;     // as others find: rather does not lead
  bool stale = false;    // suspect only: holds an older version, so that making the present one active mends it
  std::string why;       // for people: what is wrong with it
  std::string rack;
};

struct Situation {
  std::vector<Standpoint> members;
  ServerId primary;
  std::vector<ServerId> learners;  // who could join, best first
  std::size_t goal = 3;
  std::size_t minimum = 2;
  bool virgin = false;
  bool settled = false;        // the present version has been active
  std::vector<ServerId> lone;  // who may still acknowledge alone
  bool salvage = false;        // the present configuration has it already
  bool absent = false;         // who could be called back is not here yet
  bool waited = false;  // only suspect members are left for so long that whoever is away is not waited for any more
  // What is wanted besides.
  bool renew = false;  // a new version even if nothing is wrong
  ServerId lead;       // should become primary, if it may
  ServerId follow;     // should not be primary
  ServerId enlist;     // one more learner
};

struct NextConfiguration {
  std::vector<ServerId> members, joining;
  ServerId primary;
  bool salvage = false;
  std::vector<ServerId> dropped;
  std::string why;  // for the log: who goes, and why
};

// Nothing: the present configuration can be made active as it is.
// not_enough_servers: too few would be left · unavailable: nobody that counts can be had now
Result<std::optional<NextConfiguration>> plan_configuration(const Situation& situation);

}  // namespace gfs::master
