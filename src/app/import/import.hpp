#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "app/config/config.hpp"

namespace CLI {
class App;
}

namespace guildhall::app {

/// What `guildhall import` reads and how; docs/import.md says how members and posts are made of it.
struct ImportOptions {
    std::filesystem::path edges;        // "a b" a line: the friendships
    bool is_strict = false;             // refuses lines of `edges` that would be ignored
    std::filesystem::path posts;        // one paragraph a line
    std::filesystem::path names;        // folder or file of first names
    std::filesystem::path occupations;  // O*NET table, for headlines
    std::uint64_t seed = 1;
    std::size_t post_count = 0;  // 0: one for each paragraph
    std::string password;        // of all imported members; empty: a random one, printed
    std::filesystem::path manifest;
    std::filesystem::path tokens;
    /// Called after each batch that was written, with the stage's name; for tests that stop there.
    std::function<void(std::string_view)> after_batch;
};

/// Adds the flags of `import` to its subcommand.
void add_import_options(CLI::App& command, ImportOptions& options);

/// Runs the import. The exit code. Throws std::runtime_error naming file and line for what cannot be read: nothing is
/// written then. What was cut short is finished by the same call again, without doubles.
int import_files(const Config& config, const ImportOptions& options);

}  // namespace guildhall::app
