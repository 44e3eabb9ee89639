#include "app/config.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include <gtest/gtest.h>
#include <unistd.h>

namespace guildhall::app {
namespace {

/// A TOML file that lives as long as the test.
class TomlFile {
public:
    explicit TomlFile(const std::string& text)
        : path(std::filesystem::temp_directory_path() / ("guildhall-config-" + std::to_string(::getpid()) + ".toml")) {
        std::ofstream(path) << text;
    }
    ~TomlFile() { std::filesystem::remove(path); }
    const std::filesystem::path path;
};

std::string fault_of(const std::string& toml) {
    const TomlFile file(toml);
    try {
        load_config(file.path, {});
    } catch (const std::runtime_error& wrong) {
        return wrong.what();
    }
    return "none";
}

TEST(Config, NamesAnUnknownKey) {
    EXPECT_NE(fault_of("[http]\nlisten = \"a:1\"\ncolour = 1\n").find("'http.colour'"), std::string::npos);
}

TEST(Config, NamesAKeyWhoseValueDoesNotFit) {
    EXPECT_NE(fault_of("[http]\nmax_body_bytes = \"much\"\n").find("http.max_body_bytes"), std::string::npos);
    EXPECT_NE(fault_of("[log]\njson = 3\n").find("log.json"), std::string::npos);
    EXPECT_NE(fault_of("[auth]\naccess_token_ttl = 3600\n").find("auth.access_token_ttl"), std::string::npos);
}

TEST(Config, NamesTheLineOfASyntaxError) { EXPECT_NE(fault_of("[http\n").find("line 1"), std::string::npos); }

TEST(Config, TakesFlagsOverTheEnvironmentOverTheFile) {
    const TomlFile file("[http]\nlisten = \"file:1\"\nmax_body_bytes = 1\n[cache]\nmax_bytes = 1\n");
    ::setenv("GUILDHALL_HTTP_LISTEN", "environment:1", 1);
    ::setenv("GUILDHALL_HTTP_MAX_BODY_BYTES", "2", 1);
    const Config config = load_config(file.path, {{"http.listen", "flag:1"}});
    ::unsetenv("GUILDHALL_HTTP_LISTEN");
    ::unsetenv("GUILDHALL_HTTP_MAX_BODY_BYTES");
    EXPECT_EQ(config.http.listen, "flag:1");
    EXPECT_EQ(config.http.max_body_bytes, 2U);
    EXPECT_EQ(config.cache.max_bytes, 1U);
}

TEST(Config, MasksSecretsWhenPrinted) {
    Config config;
    config.sql.dsn = "postgres://member:hunter2@host/db";
    EXPECT_EQ(print_config(config).find("hunter2"), std::string::npos);
}

TEST(Config, ReadsBackWhatItPrints) {
    Config config;
    config.http.cors_origins = {"https://a.example", "https://b.example"};
    config.drain_deadline = std::chrono::seconds(3);
    const TomlFile file(print_config(config));
    EXPECT_EQ(print_config(load_config(file.path, {})), print_config(config));
}

/// docs/configuration.md is what `guildhall config document` prints; the guard fails when an option is added and the page is not.
TEST(Config, IsDocumentedOptionByOption) {
    std::ifstream page("docs/configuration.md");
    const std::string text{std::istreambuf_iterator<char>(page), {}};
    EXPECT_NE(text.find(document_options()), std::string::npos)
        << "run: guildhall config document, and put it into docs/configuration.md";
}

}  // namespace
}  // namespace guildhall::app
