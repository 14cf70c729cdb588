#include "base/config.h"

#include <algorithm>
#include <limits>
#include <set>

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <fstream>
#include <sstream>

#include "base/units.h"

namespace gfs {

namespace {

// A settings file is a page or two; more is not one.
constexpr std::size_t kFileMax = std::size_t{1} << 20;

std::string_view kind_of(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a number with a point";
    case toml::node_type::boolean:
      return "true or false";
    case toml::node_type::date:
      return "a date";
    case toml::node_type::time:
      return "a time";
    case toml::node_type::date_time:
      return "a date and time";
    case toml::node_type::none:
      break;
  }
  return "nothing";
}

}  // namespace

struct Config::Parts {
  std::string name;
  toml::table root;
  std::set<std::string, std::less<>> asked;
  std::optional<Error> first_error;
  std::uint32_t first_error_line = 0;

  // Of several mistakes the one nearest to the top is told.
  void complain(const toml::node& node, std::string_view key, std::string_view why) {
    std::uint32_t line = node.source().begin.line;
    if (first_error && first_error_line <= line) return;
    first_error = Error{Code::invalid_argument, fmt::format("{}:{}: {}: {}", name, line, key, why), {}};
    first_error_line = line;
  }

  // Null if the key is absent.
  const toml::node* find(std::string_view key) {
    asked.emplace(key);
    const toml::table* table = &root;
    while (true) {
      std::size_t dot = key.find('.');
      const toml::node* node = table->get(key.substr(0, dot));
      if (node == nullptr || dot == std::string_view::npos) return node;
      table = node->as_table();
      if (table == nullptr) return nullptr;  // finish() complains: nobody asks for this key as a value
      key = key.substr(dot + 1);
    }
  }

  void find_unknown(const toml::table& table, const std::string& prefix) {
    for (const auto& [name_part, node] : table) {
      std::string key = prefix + std::string(name_part.str());
      if (asked.contains(key)) continue;
      const toml::table* inner = node.as_table();
      auto below = asked.lower_bound(key + ".");
      bool has_keys = below != asked.end() && below->starts_with(key + ".");
      if (inner != nullptr && has_keys) {
        find_unknown(*inner, key + ".");
      } else if (has_keys) {
        complain(node, key, fmt::format("a table is wanted here, not {}", kind_of(node)));
      } else {
        complain(node, key, "no such setting");
      }
    }
  }
};

Config::Config(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Config::Config(Config&&) noexcept = default;
Config& Config::operator=(Config&&) noexcept = default;
Config::~Config() = default;

Result<Config> Config::load(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Code::not_found, "cannot read the settings file {}", path);
  std::string text(kFileMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return fail(Code::io_error, "cannot read the settings file {}", path);
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kFileMax) return fail(Code::too_large, "{} is over {}", path, format_size(kFileMax));
  return parse(text, path);
}

Result<Config> Config::parse(std::string_view text, std::string name) {
  toml::parse_result parsed = toml::parse(text, name);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return fail(Code::malformed, "{}:{}: {}", name, error.source().begin.line, error.description());
  }
  auto parts = std::make_unique<Parts>();
  parts->name = std::move(name);
  parts->root = std::move(parsed).table();
  return Config(std::move(parts));
}

void Config::get(std::string_view key, std::string& value) {
  const toml::node* node = parts_->find(key);
  if (node == nullptr) return;
  if (const auto* text = node->as_string()) {
    value = text->get();
  } else {
    parts_->complain(*node, key, fmt::format("a string is wanted, not {}", kind_of(*node)));
  }
}

void Config::get(std::string_view key, bool& value) {
  const toml::node* node = parts_->find(key);
  if (node == nullptr) return;
  if (const auto* truth = node->as_boolean()) {
    value = truth->get();
  } else {
    parts_->complain(*node, key, fmt::format("true or false is wanted, not {}", kind_of(*node)));
  }
}

void Config::get(std::string_view key, std::uint64_t& value) {
  const toml::node* node = parts_->find(key);
  if (node == nullptr) return;
  const auto* number = node->as_integer();
  if (number == nullptr) {
    parts_->complain(*node, key, fmt::format("a whole number is wanted, not {}", kind_of(*node)));
  } else if (number->get() < 0) {
    parts_->complain(*node, key, fmt::format("{} is below 0", number->get()));
  } else {
    value = static_cast<std::uint64_t>(number->get());
  }
}

void Config::get(std::string_view key, std::uint32_t& value) {
  std::uint64_t wide = value;
  get(key, wide);
  if (wide <= std::numeric_limits<std::uint32_t>::max()) {
    value = static_cast<std::uint32_t>(wide);
  } else {
    parts_->complain(*parts_->find(key), key, fmt::format("{} is too large", wide));
  }
}

void Config::get(std::string_view key, std::vector<std::string>& value) {
  const toml::node* node = parts_->find(key);
  if (node == nullptr) return;
  if (const auto* text = node->as_string()) {
    value = {text->get()};
    return;
  }
  const toml::array* list = node->as_array();
  if (list == nullptr) {
    parts_->complain(*node, key, fmt::format("a list of strings is wanted, not {}", kind_of(*node)));
    return;
  }
  std::vector<std::string> strings;
  for (const toml::node& element : *list) {
    if (const auto* text = element.as_string()) {
      strings.push_back(text->get());
    } else {
      parts_->complain(element, key, fmt::format("a list of strings is wanted, not of {}", kind_of(element)));
    }
  }
  value = std::move(strings);
}

void Config::get_size(std::string_view key, std::uint64_t& value) {
  const toml::node* node = parts_->find(key);
  if (node == nullptr) return;
  if (node->is_integer()) return get(key, value);
  const auto* text = node->as_string();
  if (text == nullptr) {
    parts_->complain(*node, key, fmt::format("a size like \"64MiB\" is wanted, not {}", kind_of(*node)));
    return;
  }
  Result<std::uint64_t> size = parse_size(text->get());
  if (size) {
    value = *size;
  } else {
    parts_->complain(*node, key, size.error().message);
  }
}

void Config::get_duration(std::string_view key, Duration& value) {
  const toml::node* node = parts_->find(key);
  if (node == nullptr) return;
  const auto* text = node->as_string();
  if (text == nullptr) {
    parts_->complain(*node, key, fmt::format("a duration like \"60s\" is wanted, not {}", kind_of(*node)));
    return;
  }
  Result<Duration> duration = parse_duration(text->get());
  if (duration) {
    value = *duration;
  } else {
    parts_->complain(*node, key, duration.error().message);
  }
}

Result<> Config::finish() {
  parts_->find_unknown(parts_->root, "");
  if (parts_->first_error) return fail(Error(*parts_->first_error));
  return {};
}

}  // namespace gfs
