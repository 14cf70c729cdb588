#include "client_cli/cli/arguments.h"

#include <algorithm>
#include <charconv>

#include "base/units.h"

namespace gfs::cli {

Result<Arguments> Arguments::parse(const Words& words, const std::vector<Option>& options) {
  Arguments arguments;
  bool only_rest = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string_view word = words[i];
    if (only_rest || word.size() < 2 || word[0] != '-') {
      arguments.rest_.emplace_back(word);
      continue;
    }
    if (word == "--") {
      only_rest = true;
      continue;
    }
    if (word.starts_with("--")) {
      std::size_t equals = word.find('=');
      std::string_view name = word.substr(2, equals == std::string_view::npos ? equals : equals - 2);
      auto option = std::ranges::find(options, name, &Option::name);
      if (option == options.end()) return fail(Code::invalid_argument, "unknown option --{}", name);
      std::string& value = arguments.options_[std::string(name)];
      if (option->value.empty()) {
        if (equals != std::string_view::npos) return fail(Code::invalid_argument, "option --{} takes no value", name);
      } else if (equals != std::string_view::npos) {
        value = word.substr(equals + 1);
      } else if (++i < words.size()) {
        value = words[i];
      } else {
        return fail(Code::invalid_argument, "option --{} needs a value: {}", name, option->value);
      }
      continue;
    }
    for (std::size_t at = 1; at < word.size(); ++at) {
      auto option = std::ranges::find(options, word[at], &Option::letter);
      if (option == options.end()) return fail(Code::invalid_argument, "unknown option -{}", word[at]);
      std::string& value = arguments.options_[std::string(option->name)];
      if (option->value.empty()) continue;
      if (at + 1 < word.size()) {
        value = word.substr(at + 1);
      } else if (++i < words.size()) {
        value = words[i];
      } else {
        return fail(Code::invalid_argument, "option -{} needs a value: {}", option->letter, option->value);
      }
      break;
    }
  }
  return arguments;
}

std::string Arguments::value(std::string_view option, std::string absent) const {
  auto found = options_.find(option);
  return found == options_.end() ? std::move(absent) : found->second;
}

Result<std::uint64_t> Arguments::number(std::string_view option, std::uint64_t absent, std::uint64_t low,
                                        std::uint64_t high) const {
  if (!has(option)) return absent;
  std::string text = value(option);
  std::uint64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < low || number > high) {
    return fail(Code::invalid_argument, "--{} {}: a number from {} to {} is wanted", option, text, low, high);
  }
  return number;
}

Result<std::uint64_t> Arguments::size(std::string_view option, std::uint64_t absent, std::uint64_t high) const {
  if (!has(option)) return absent;
  Result<std::uint64_t> size = parse_size(value(option));
  if (!size) return size;
  if (*size == 0 || *size > high) {
    return fail(Code::invalid_argument, "--{} {}: a size from 1 byte to {} is wanted", option, value(option),
                format_size(high));
  }
  return size;
}

}  // namespace gfs::cli
