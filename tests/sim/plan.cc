#include "tests/sim/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "base/random.h"

namespace gfs::sim {

namespace {

double between_log(Random& random, double low, double high) {
  return low * std::exp(random.unit() * std::log(high / low));
}

}  // namespace

Plan make_plan(std::uint64_t seed, double minutes, std::set<std::string> faults, bool exactly, std::string mutant) {
  Random random(seed ^ 0x9a1b2c3d4e5f6071);
  Plan plan;
  plan.seed = seed;
  plan.mutant = std::move(mutant);
  plan.faulty = Duration(static_cast<Duration::rep>(minutes * 60e9));
  const bool none = random.below(10) == 0 && !exactly;
  for (const std::string& fault : faults) {
    const bool on = random.chance(0.5);
    if (exactly || (on && !none)) plan.faults.insert(fault);
  }
  plan.loss = between_log(random, 0.0005, 0.05);
  plan.repeat = between_log(random, 0.0005, 0.1);
  plan.late = between_log(random, 0.00005, 0.005);
  plan.late_writes = between_log(random, 0.0005, 0.05);
  plan.slow = between_log(random, 0.001, 0.1);
  plan.delay_max = Duration(static_cast<Duration::rep>(between_log(random, 1e6, 50e6)));
  plan.between_faults = Duration(static_cast<Duration::rep>(between_log(random, 2e9, 30e9)));
  plan.down_max = Duration(static_cast<Duration::rep>(between_log(random, 0.5e9, 60e9)));
  if (!plan.has("loss")) plan.loss = 0;
  if (!plan.has("repeat")) plan.repeat = 0;
  if (!plan.has("late")) plan.late = 0;
  if (!plan.has("delay")) {
    plan.slow = 0.001;
    plan.delay_max = 400us;
  }
  plan.think = Duration(static_cast<Duration::rep>(between_log(random, 200e6, 2e9)));
  plan.clock_drift = between_log(random, 1e-6, 1e-2);
  plan.grant_loss = between_log(random, 0.02, 0.5);
  plan.grant_repeat = between_log(random, 0.02, 0.5);
  plan.victim = static_cast<int>(random.below(5));
  plan.many_victims = random.below(4) == 0;
  plan.linger = random.pick(std::vector<Duration>{0s, 0s, 8s});
  for (std::uint32_t* weight :
       {&plan.names, &plan.writes, &plan.appends, &plan.reads, &plan.kept, &plan.records, &plan.scans, &plan.cuts}) {
    if (random.below(4) == 0) *weight /= 10;
  }
  plan.deadline = random.pick(std::vector<Duration>{1s, 4s, 30s});
  // Small ones have many borders, and are soon full.
  plan.chunk_size = random.pick(std::vector<std::uint64_t>{1 << 20, 1 << 20, 1 << 20, 4 << 20, 4 << 20, 64 << 20});
  plan.groups = static_cast<std::uint32_t>(random.between(2, 6));
  plan.data_files = static_cast<std::uint32_t>(random.between(2, 6));
  plan.bytes_max = random.pick(std::vector<std::uint64_t>{4 << 10, 64 << 10, 192 << 10});
  plan.log_segment = random.pick(std::vector<std::uint64_t>{4 << 10, 64 << 10, 64 << 20});
  plan.log_reserve = random.pick(std::vector<std::uint64_t>{0, 64 << 10});
  plan.trash = random.pick(std::vector<Duration>{0s, 5s, 60s, 72h});
  plan.checkpoint_after = random.pick(std::vector<std::uint64_t>{4 << 10, 32 << 10, 256 << 10, 256 << 20});
  plan.journal_segment = random.pick(std::vector<std::uint64_t>{2 << 20, 8 << 20, 64 << 20});
  plan.window = random.pick(std::vector<std::uint64_t>{64 << 10, 1 << 20, 8 << 20});
  plan.fragment = random.pick(std::vector<std::uint64_t>{16 << 10, 64 << 10, 1 << 20});
  if (plan.fragment > plan.window) plan.fragment = plan.window;
  plan.shared_groups = static_cast<std::uint32_t>(random.between(1, 3));
  plan.append_files = static_cast<std::uint32_t>(random.between(1, 4));
  plan.append_room = static_cast<std::uint64_t>(between_log(random, 2 << 10, static_cast<double>(plan.chunk_size) / 2));
  plan.record_max = random.pick(std::vector<std::uint64_t>{64, 1 << 10, 8 << 10, 64 << 10});
  plan.record_large = random.below(4) == 0 && plan.chunk_size >= 4 << 20 ? 0.02 : 0;
  plan.append_batch = random.pick(std::vector<std::uint64_t>{1, 4 << 10, 64 << 10, 1 << 20});
  plan.append_batch = std::min(plan.append_batch, plan.chunk_size / 4);
  plan.append_in_flight = random.pick(std::vector<std::uint64_t>{1, 2, 16, 64});
  plan.staging_max = random.pick(std::vector<std::uint64_t>{16 << 20, 64 << 20, 256 << 20});
  plan.data_wait = random.pick(std::vector<Duration>{50ms, 1s});
  plan.lease = random.pick(std::vector<Duration>{2s, 10s, 60s, 60s});
  plan.heartbeat = std::clamp<Duration>(plan.lease / 10, 200ms, 1s);
  plan.layout_age = random.pick(std::vector<Duration>{1s, 30s});
  plan.lone = random.below(3) == 0 ? 1 : 0;
  plan.cut_max = random.pick(std::vector<std::uint32_t>{1, 2, 4096});
  plan.collect_after = random.pick(std::vector<Duration>{2s, 20s, 60s});
  plan.quarantine_time = random.pick(std::vector<Duration>{60s, 72h});
  // A mutant is found sooner where nothing else happens; those of snapshots ask for them.
  if (random.below(4) == 0 || !plan.mutant.empty()) plan.snapshots = 0;
  return plan;
}

Result<std::set<std::string>> parse_faults(const std::string& text) {
  if (text == "all") return kFaultClasses;
  std::set<std::string> out;
  if (text == "none") return out;
  std::istringstream list(text);
  for (std::string name; std::getline(list, name, ',');) {
    if (!kFaultClasses.contains(name) && !kNamedFaults.contains(name)) {
      return fail(Code::invalid_argument, "unknown fault \"{}\": all, none, or some of {},{}", name,
                  fmt::join(kFaultClasses, ","), fmt::join(kNamedFaults, ","));
    }
    out.insert(name);
  }
  return out;
}

std::string Plan::text() const {
  std::string out = fmt::format(
      "seed {}: faults [{}] every {:.1f} s down {:.1f} s loss {:.4f} repeat {:.4f} late {:.5f}/{:.4f} slow {:.3f} "
      "delay "
      "{:.1f} ms",
      seed, fmt::join(faults, " "), to_seconds(between_faults), to_seconds(down_max), loss, repeat, late, late_writes,
      slow, to_seconds(delay_max) * 1e3);
  if (has("clock")) out += fmt::format(" drift {:.6f}", clock_drift);
  if (has("lost_grants")) out += fmt::format(" grants lost {:.2f} repeated {:.2f}", grant_loss, grant_repeat);
  if (has("power_chunkserver") || has("disk"))
    out += many_victims ? " victims: any" : fmt::format(" victim cs{}", victim);
  out += fmt::format(
      "; think {:.0f} ms linger {:.0f} s deadline {:.0f} s names {} writes {} appends {} reads {} kept {} records {} "
      "scans {} cuts {} snapshots {}",
      to_seconds(think) * 1e3, to_seconds(linger), to_seconds(deadline), names, writes, appends, reads, kept, records,
      scans, cuts, snapshots);
  out += fmt::format(
      "; chunks {} groups {}+{} files {} bytes {}; append files {} room {} record {} large {} batch {} in flight {}",
      chunk_size, groups, shared_groups, data_files, bytes_max, append_files, append_room, record_max, record_large,
      append_batch, append_in_flight);
  out += fmt::format(
      "; log {} journal {} window {} fragment {} staging {} wait {} ms lease {} s heartbeat {} ms layouts {} s cut {} "
      "lone {} collect {} s quarantine {} s",
      log_segment, journal_segment, window, fragment, staging_max, to_ms(data_wait), to_seconds(lease),
      to_ms(heartbeat), to_seconds(layout_age), cut_max, lone, to_seconds(collect_after), to_seconds(quarantine_time));
  if (!mutant.empty()) out += "; mutant " + mutant;
  return out;
}

}  // namespace gfs::sim
