// gfs-sim: a whole cluster in one thread and virtual time, with faults from a seed, judged by checkers.
//
//   gfs-sim --seed N --minutes M [--seeds K] [--jobs J] [--faults all|none|LIST] [--mutant NAME [--control]] [--probes]
//   [--verbose]
//   gfs-sim --liveness [--servers N] --seed N --minutes M [--seeds K] [--jobs J] [--faults LIST|none]
//   gfs-sim --story rack|newcomer|drain|gray --seed N [--seeds K]
//   gfs-sim --list-mutants
//
// Exit 0: clean. 1: a checker failed (its name and the replay command on stderr); no seed is run after it. 2: usage.
// The last line of stdout is "trace hash <16 hex digits>", of the last seed that was run.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <malloc.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <sstream>

#include "base/log.h"
#include "base/probe.h"
#include "tests/sim/liveness.h"
#include "tests/sim/mutants.h"
#include "tests/sim/run.h"
#include "tests/sim/seeds.h"
#include "tests/sim/stories.h"

namespace {

struct Options {
  gfs::sim::Seeds seeds;
  double minutes = 1;
  std::string faults;
  std::string mutant;
  bool control = false;  // the mutant's faults and settings without its bug
  bool probes = false;
  bool verbose = false;
  bool list_mutants = false;
  bool liveness = false;
  std::string story;
  int servers = 50;
};

std::string replay;  // the command for the seed that runs

// A failed CHECK ends the program: whoever sees it wants the seed too.
void on_abort(int) {
  (void)!write(STDERR_FILENO, replay.data(), replay.size());
  std::signal(SIGABRT, SIG_DFL);
}

std::string replay_of(const Options& options, std::uint64_t seed) {
  if (!options.story.empty()) return fmt::format("replay: gfs-sim --story {} --seed {}\n", options.story, seed);
  if (options.liveness) {
    return fmt::format("replay: gfs-sim --liveness --servers {} --seed {} --minutes {}{}\n", options.servers, seed,
                       options.minutes, options.faults.empty() ? "" : " --faults " + options.faults);
  }
  return fmt::format("replay: gfs-sim --seed {} --minutes {}{}{}{}\n", seed, options.minutes,
                     options.faults.empty() ? "" : " --faults " + options.faults,
                     options.mutant.empty() ? "" : " --mutant " + options.mutant, options.control ? " --control" : "");
}

gfs::Result<std::set<std::string>> parse_troubles(const std::string& list) {
  if (list.empty()) return gfs::sim::kTroubles;
  std::set<std::string> troubles;
  if (list == "none") return troubles;
  std::istringstream words(list);
  for (std::string word; std::getline(words, word, ',');) {
    if (!gfs::sim::kTroubles.contains(word))
      return gfs::fail(gfs::Code::invalid_argument, "unknown trouble \"{}\": none, or some of {}", word,
                       fmt::join(gfs::sim::kTroubles, ","));
    troubles.insert(word);
  }
  return troubles;
}

gfs::sim::SeedResult run_one(const Options& options, const std::set<std::string>& faults, bool exactly,
                             std::uint64_t seed) {
  replay = replay_of(options, seed);
  const std::map<std::string, std::uint64_t> before = gfs::Probe::report();
  if (!options.story.empty()) return gfs::sim::run_story(options.story, seed, options.seeds.count == 1);
  if (options.liveness) return gfs::sim::run_liveness({options.servers, options.minutes, faults}, seed);
  gfs::sim::Plan plan = gfs::sim::make_plan(seed, options.minutes, faults, exactly, options.mutant);
  const gfs::sim::Mutant* mutant = gfs::sim::find_mutant(options.mutant);
  if (mutant != nullptr && mutant->sharpen != nullptr) mutant->sharpen(plan);
  if (options.control) plan.mutant.clear();
  if (options.verbose) fmt::print(stderr, "{}\n", plan.text());
  gfs::sim::Verdict verdict = gfs::sim::run(plan);
  gfs::sim::SeedResult result;
  result.seed = seed;
  result.faults_found = std::move(verdict.faults_found);
  result.trace = verdict.trace;
  result.virtual_seconds = verdict.virtual_seconds;
  result.counts = std::move(verdict.counts);
  result.probes = gfs::Probe::report();
  for (auto& [name, count] : result.probes) {
    auto found = before.find(name);
    if (found != before.end()) count -= found->second;
  }
  return result;
}

void print_probes(const std::map<std::string, std::uint64_t>& probes) {
  for (const auto& [name, count] : probes) {
    if (count > 0) fmt::print("probe {:>10} {}\n", count, name);
  }
  for (const auto& [name, count] : probes) {
    if (count == 0) fmt::print("probe      never {}\n", name);
  }
}

// The last seed's hash is what the run is known by.
int run_all(const Options& options, const std::set<std::string>& faults, bool exactly) {
  std::map<std::string, std::uint64_t> probes = gfs::Probe::report();
  std::uint64_t trace = 0;
  double virtual_seconds = 0;
  std::uint64_t count = 0;
  int failed = 0;
  std::map<std::string, std::vector<std::int64_t>> samples;
  std::signal(SIGABRT, on_abort);
  const auto began = std::chrono::steady_clock::now();
  auto run = [&](std::uint64_t seed) { return run_one(options, faults, exactly, seed); };
  auto told = [&](const gfs::sim::SeedResult& result) {
    trace = result.trace;
    ++count;
    virtual_seconds += result.virtual_seconds;
    for (const auto& [name, hits] : result.probes) probes[name] += hits;
    for (const auto& [name, values] : result.samples)
      samples[name].insert(samples[name].end(), values.begin(), values.end());
    fmt::print("seed {}: {}, {}\n", result.seed, result.faults_found.empty() ? "clean" : "FAILED", result.counts);
    std::fflush(stdout);
    if (result.faults_found.empty()) return true;
    ++failed;
    for (const std::string& fault : result.faults_found) fmt::print(stderr, "checker {}\n", fault);
    fmt::print(stderr, "{}", replay_of(options, result.seed));
    return options.liveness;  // its figures are of all seeds
  };
  gfs::sim::run_seeds(options.seeds, run, told);
  const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  if (options.probes) print_probes(probes);
  if (options.liveness) {
    const std::string missed = gfs::sim::print_liveness(samples);
    if (!missed.empty()) fmt::print(stderr, "checker liveness: {}\n", missed);
    failed += missed.empty() ? 0 : 1;
  }
  fmt::print("{} seeds, {} failed, {:.0f} virtual seconds in {:.1f} s: {:.0f} times real time\n", count, failed,
             virtual_seconds, took, virtual_seconds / took);
  fmt::print("trace hash {:016x}\n", trace);
  return failed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Simulates a gfs cluster with faults and checks it", "gfs-sim");
  app.add_option("--seed", options.seeds.first, "First seed");
  app.add_option("--seeds", options.seeds.count, "How many seeds, one after the other")->check(CLI::Range(1, 1000000));
  app.add_option("--jobs", options.seeds.jobs, "How many processes run seeds side by side")->check(CLI::Range(1, 256));
  app.add_option("--minutes", options.minutes, "Virtual minutes with faults")->check(CLI::Range(0.01, 100000.0));
  app.add_option("--faults", options.faults,
                 "all, none, or a list with commas; without it each seed chooses (a mutant has its own)");
  app.add_option("--mutant", options.mutant, "A bug to put in")->check([](const std::string& name) {
    return gfs::sim::find_mutant(name) != nullptr ? "" : name + " is not one of --list-mutants";
  });
  app.add_flag("--control", options.control,
               "With --mutant: its faults and settings without the bug, to see that the bug is what is found");
  app.add_flag("--list-mutants", options.list_mutants, "Name the bugs that can be put in");
  app.add_flag("--probes", options.probes, "Print how often each rare branch was reached, and which never were");
  app.add_flag(
      "--liveness", options.liveness,
      "How soon the master finds crashes, and whom it calls lost falsely; --faults: some of loss, oneway, slow, "
      "stall, tcp, or none");
  app.add_option("--story", options.story, "What an operator sees; told as it happens if it is one seed's")
      ->check(CLI::IsMember(gfs::sim::kStories));
  app.add_option("--servers", options.servers, "Of --liveness: how many chunkservers")->check(CLI::Range(2, 1000));
  app.add_flag("--verbose", options.verbose, "Log what the nodes do, and each seed's plan");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (options.list_mutants) {
    for (const gfs::sim::Mutant& mutant : gfs::sim::mutants()) {
      fmt::print("{:<32}{:<14}{:<5}{}\n", mutant.name, mutant.part, mutant.story, mutant.breaks);
    }
    return 0;
  }
  bool exactly = !options.faults.empty();
  gfs::Result<std::set<std::string>> faults =
      options.liveness ? parse_troubles(options.faults) : gfs::sim::parse_faults(exactly ? options.faults : "all");
  if (!faults) {
    fmt::print(stderr, "gfs-sim: {}\n", faults.error().message);
    return 2;
  }
  if (!exactly && !options.mutant.empty()) {
    *faults = gfs::sim::find_mutant(options.mutant)->faults;
    exactly = true;
  }
  gfs::log::set_level(options.verbose ? gfs::log::Level::info : gfs::log::Level::off);
  // Pages stay with the process: giving them back and clearing them again is a third of a seed's time otherwise.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  return run_all(options, *faults, exactly);
}
