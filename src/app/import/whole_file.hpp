#pragma once

#include <filesystem>
#include <fstream>
#include <string>

namespace guildhall::app {

/// A file that is there as a whole or not at all: written under another name and renamed by commit().
class WholeFile {
public:
    /// Throws std::runtime_error when it cannot be made. Readable by its owner only when `is_secret`.
    WholeFile(std::filesystem::path path, bool is_secret);
    /// Removes what was written when there was no commit().
    ~WholeFile();
    WholeFile(const WholeFile&) = delete;
    WholeFile& operator=(const WholeFile&) = delete;

    void add_line(const std::string& line) { out_ << line << '\n'; }
    /// Throws std::runtime_error when not everything could be written.
    void commit();

private:
    const std::filesystem::path path_;
    const std::filesystem::path unfinished_;
    std::ofstream out_;
};

}  // namespace guildhall::app
