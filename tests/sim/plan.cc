#include "tests/sim/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

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
  plan.slow = between_log(random, 0.001, 0.1);
  plan.delay_max = Duration(static_cast<Duration::rep>(between_log(random, 1e6, 50e6)));
  plan.between_faults = Duration(static_cast<Duration::rep>(between_log(random, 2e9, 30e9)));
  plan.down_max = Duration(static_cast<Duration::rep>(between_log(random, 0.5e9, 60e9)));
  if (!plan.has("loss")) plan.loss = 0;
  if (!plan.has("repeat")) plan.repeat = 0;
  if (!plan.has("delay")) {
    plan.slow = 0.001;
    plan.delay_max = 400us;
  }
  plan.think = Duration(static_cast<Duration::rep>(between_log(random, 200e6, 2e9)));
  for (std::uint32_t* weight : {&plan.names, &plan.writes, &plan.appends, &plan.reads}) {
    if (random.below(4) == 0) *weight /= 10;
  }
  plan.deadline = random.pick(std::vector<Duration>{1s, 4s, 30s});
  plan.groups = static_cast<std::uint32_t>(random.between(2, 6));
  plan.data_files = static_cast<std::uint32_t>(random.between(2, 6));
  plan.bytes_max = random.pick(std::vector<std::uint64_t>{4 << 10, 64 << 10, 192 << 10});
  plan.log_segment = random.pick(std::vector<std::uint64_t>{4 << 10, 64 << 10, 64 << 20});
  plan.journal_segment = random.pick(std::vector<std::uint64_t>{2 << 20, 8 << 20, 64 << 20});
  plan.window = random.pick(std::vector<std::uint64_t>{64 << 10, 1 << 20, 8 << 20});
  plan.fragment = random.pick(std::vector<std::uint64_t>{16 << 10, 64 << 10, 1 << 20});
  if (plan.fragment > plan.window) plan.fragment = plan.window;
  return plan;
}

Result<std::set<std::string>> parse_faults(const std::string& text) {
  if (text == "all") return kFaultClasses;
  std::set<std::string> out;
  if (text == "none") return out;
  std::istringstream list(text);
  for (std::string name; std::getline(list, name, ',');) {
    if (!kFaultClasses.contains(name)) {
      return fail(Code::invalid_argument, "unknown fault \"{}\": all, none, or some of {}", name,
                  fmt::join(kFaultClasses, ","));
    }
    out.insert(name);
  }
  return out;
}

std::string Plan::text() const {
  return fmt::format(
      "seed {}: faults [{}] loss {:.4f} repeat {:.4f} slow {:.3f} delay {:.1f} ms every {:.1f} s down {:.1f} s; think "
      "{:.0f} ms "
      "weights {}/{}/{}/{} groups {} files {} bytes {}; log {} journal {} window {} fragment "
      "{}{}",
      seed, fmt::join(faults, " "), loss, repeat, slow, to_seconds(delay_max) * 1e3, to_seconds(between_faults),
      to_seconds(down_max), to_seconds(think) * 1e3, to_seconds(deadline), names, writes, appends, reads, groups,
      data_files, bytes_max, log_segment, journal_segment, window, fragment,
      mutant.empty() ? "" : "; mutant " + mutant);
}

}  // namespace gfs::sim
