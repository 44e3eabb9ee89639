#include "app/config/config.hpp"

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
    EXPECT_NE(fault_of("[http]\nlisten = \"127.0.0.1:1\"\ncolour = 1\n").find("'http.colour'"), std::string::npos);
}

TEST(Config, NamesAKeyWhoseValueDoesNotFit) {
    EXPECT_NE(fault_of("[http]\nmax_body_bytes = \"much\"\n").find("http.max_body_bytes"), std::string::npos);
    EXPECT_NE(fault_of("[log]\njson = 3\n").find("log.json"), std::string::npos);
    EXPECT_NE(fault_of("[auth]\naccess_token_ttl = 3600\n").find("auth.access_token_ttl"), std::string::npos);
}

TEST(Config, RefusesWhatServeCouldNotUse) {
    const auto names = [](const std::string& toml, const std::string& key) {
        const std::string fault = fault_of(toml);
        return fault.find(key + " must") != std::string::npos ? "" : toml + " -> " + fault;
    };
    for (const std::string listen :
         {"8080", "127.0.0.1", "localhost:80", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536", "127.0.0.1:-1",
          "127.0.0.1:80 ", "::1:80", "[127.0.0.1]:80", "[]:80", ":80"})
        EXPECT_EQ(names("[http]\nlisten = \"" + listen + "\"\n", "http.listen"), "");
    EXPECT_EQ(names("[log]\nlevel = \"loud\"\n", "log.level"), "");
    EXPECT_EQ(names("data_dir = \"/dev/null\"\n", "data_dir"), "");
    EXPECT_EQ(names("[http]\nthreads = 5000\n", "http.threads"), "");
    EXPECT_EQ(names("[http]\nmax_connections = 0\n", "http.max_connections"), "");
    EXPECT_EQ(names("[http]\nmax_header_bytes = 4294967296\n", "http.max_header_bytes"), "");
    EXPECT_EQ(names("[http]\ntrusted_proxies = [\"proxy.example\"]\n", "http.trusted_proxies"), "");
    EXPECT_EQ(names("[http]\ncors_origins = [\"https://a.example/\"]\n", "http.cors_origins"), "");
    EXPECT_EQ(names("[http]\ncors_origins = [\"*\"]\n", "http.cors_origins"), "");
    EXPECT_EQ(names("[sql]\nengine = \"oracle\"\n", "sql.engine"), "");
    EXPECT_EQ(names("[sql]\nconnections_per_thread = 0\n", "sql.connections_per_thread"), "");
    EXPECT_EQ(names("[sql]\nmax_waiting_writes = 0\n", "sql.max_waiting_writes"), "");
    EXPECT_EQ(names("[graph]\nquestion_deadline = 0\n", "graph.question_deadline"), "");
    EXPECT_EQ(names("[auth]\nissuer = \"\"\n", "auth.issuer"), "");
    EXPECT_EQ(names("[auth]\nhashing_threads = 0\n", "auth.hashing_threads"), "");
    EXPECT_EQ(names("[auth]\nlockout_failures = 0\n", "auth.lockout_failures"), "");
    EXPECT_EQ(names("[auth]\nlockout_ip_failures = 0\n", "auth.lockout_ip_failures"), "");
    for (const std::string key : {"read_per_minute", "write_per_minute", "auth_per_minute"})
        EXPECT_EQ(names("[rate_limits]\n" + key + " = 0\n", "rate_limits." + key), "");
}

TEST(Config, SomeOfTheServicesNeedWhatConnectsThemToTheOthers) {
    const std::string secrets = "secrets = [\"" + std::string(32, 's') + "\"]\n";
    const std::string some = "[services]\nrun = [\"post\"]\n";
    EXPECT_NE(fault_of(some).find("services.secrets is needed"), std::string::npos);
    EXPECT_NE(fault_of(some + secrets).find("redis.url is needed"), std::string::npos);
    const std::string redis = "[redis]\nurl = \"redis://localhost\"\n";
    EXPECT_NE(fault_of(some + secrets + redis).find("bus.url is needed"), std::string::npos);
    const std::string bus = "[bus]\nurl = [\"amqp://guest:guest@localhost:5672/%2f\"]\n";
    EXPECT_NE(fault_of(some + secrets + redis + bus).find(".url is needed"), std::string::npos);
    const std::string user = "[services.user]\nurl = [\"http://user-1:8080\", \"http://user-2:8080\"]\n";
    EXPECT_NE(fault_of(some + secrets + redis + bus + user).find("services.connection.url is needed"),
              std::string::npos);
    const std::string connection = "[services.connection]\nurl = \"http://c:8080\"\n";
    EXPECT_NE(fault_of(some + secrets + redis + bus + connection).find("services.user.url is needed"),
              std::string::npos);
    EXPECT_EQ(fault_of(some + secrets + redis + bus + user + connection), "none");
    EXPECT_EQ(fault_of("[services]\nrun = [\"user\"]\n" + secrets + redis + bus + connection), "none");
}

TEST(Config, NamesAServiceThatDoesNotExistAndAnAddressThatIsNone) {
    EXPECT_NE(fault_of("[services]\nrun = [\"jobs\"]\n").find("services.run: there is no service 'jobs'"),
              std::string::npos);
    EXPECT_NE(fault_of("[services]\nrun = [\"post\", \"post\"]\n").find("services.run names post twice"),
              std::string::npos);
    for (const std::string url : {"user:8080", "ftp://user", "http://user/v1", "http://", "http://user:99999",
                                  "http://a:b:c", "http://u?x", "http://n:p@user"})
        EXPECT_NE(fault_of("[services.user]\nurl = \"" + url + "\"\n").find("services.user.url must be"),
                  std::string::npos)
            << url;
    EXPECT_NE(fault_of("[services]\nsecrets = [\"short\"]\n").find("services.secrets: "), std::string::npos);
}

TEST(Config, AnEnginesUrlThatCannotBeUsedIsNamedAndNotRepeated) {
    const std::string redis = fault_of("[redis]\nurl = \"http://u:hunter22@host\"\n");
    EXPECT_NE(redis.find("redis.url: "), std::string::npos);
    EXPECT_EQ(redis.find("hunter22"), std::string::npos);
    const std::string bus = fault_of("[bus]\nurl = \"http://u:hunter22@host\"\n");
    EXPECT_NE(bus.find("bus.url: "), std::string::npos);
    EXPECT_EQ(bus.find("hunter22"), std::string::npos);
    const std::string graph = fault_of("[graph]\nurl = \"bolt://u:hunter22@host\"\n");
    EXPECT_NE(graph.find("graph.url: "), std::string::npos);
    EXPECT_EQ(graph.find("hunter22"), std::string::npos);
    const std::string mail = fault_of("[mail]\nurl = \"http://u:hunter22@host\"\n");
    EXPECT_NE(mail.find("mail.url: must be smtp://"), std::string::npos);
    EXPECT_EQ(mail.find("hunter22"), std::string::npos);
}

TEST(Config, ChecksHowMailIsSent) {
    const std::string server = "[mail]\nurl = \"smtp://mail.example.org\"\n";
    EXPECT_EQ(fault_of(server), "none");
    EXPECT_NE(fault_of(server + "deadline = 51\n").find("mail.deadline"), std::string::npos);
    EXPECT_NE(fault_of(server + "ca_file = \"/nowhere/ca.pem\"\n").find("mail.ca_file"), std::string::npos);
    EXPECT_NE(fault_of("[mail]\nfrom = \"Guildhall\"\n").find("mail.from"), std::string::npos);
    const std::string in_the_clear = "[mail]\nurl = \"smtp://u:hunter22@mail.example.org\"\ntls = false\n";
    EXPECT_NE(fault_of(in_the_clear).find("mail.url: would send its password in the clear"), std::string::npos);
}

TEST(Config, ProcessesThatShareABrokerShareTheGraph) {
    const std::string bus = "[bus]\nurl = \"amqp://host\"\n";
    EXPECT_NE(fault_of(bus).find("graph.url is needed with bus.url"), std::string::npos);
    const std::string graph = "[graph]\nurl = \"http://host\"\n";
    EXPECT_EQ(fault_of(bus + graph), "none");
    const std::string redis = "[redis]\nurl = \"redis://host\"\n";
    EXPECT_EQ(fault_of(redis), "none") << "with SQLite there is one process";
    const std::string postgres = "[sql]\nengine = \"postgres\"\ndsn = \"host=a\"\n";
    EXPECT_NE(fault_of(redis + postgres).find("graph.url is needed with redis.url"), std::string::npos);
    EXPECT_EQ(fault_of(redis + postgres + graph), "none");
    EXPECT_NE(fault_of("[graph]\nprefix = \"prod.\"\n").find("graph.prefix: "), std::string::npos);
}

TEST(Config, RefusesAConnectionStringThatCannotBeUsedAndDoesNotRepeatIt) {
    const auto fault = [](const std::string& dsn) {
        return fault_of("[sql]\nengine = \"postgres\"\ndsn = \"" + dsn + "\"\n");
    };
    EXPECT_EQ(fault("host=localhost dbname=x"), "none");
    EXPECT_NE(fault("").find("sql.dsn"), std::string::npos);
    EXPECT_NE(fault("host=localhost password=hunter2 nonsense").find("sql.dsn"), std::string::npos);
    EXPECT_EQ(fault("host=localhost password=hunter2 nonsense").find("hunter2"), std::string::npos);
    EXPECT_NE(fault("host=a,b,c port=1,2").find("sql.dsn"), std::string::npos);
    const std::string with_replica = "[sql]\nengine = \"postgres\"\ndsn = \"host=a\"\nreplicas = [\"host=b secret\"]\n";
    EXPECT_NE(fault_of(with_replica).find("sql.replicas"), std::string::npos);
    EXPECT_EQ(fault_of(with_replica).find("secret"), std::string::npos);
}

TEST(Config, ReadsAddressesToListenOn) {
    EXPECT_EQ(parse_listen("127.0.0.1:80")->ip, "127.0.0.1");
    EXPECT_EQ(parse_listen("127.0.0.1:80")->port, 80);
    EXPECT_EQ(parse_listen("[::1]:0")->ip, "::1");
}

TEST(Config, TakesNoNoticeBeforeADrainAsZeroSeconds) {
    EXPECT_EQ(load_config({}, {{"http.drain_notice", "0"}}).http.drain_notice, std::chrono::seconds(0));
    EXPECT_EQ(load_config({}, {{"http.drain_notice", "5"}}).http.drain_notice, std::chrono::seconds(5));
    EXPECT_THROW(load_config({}, {{"http.drain_notice", "-1"}}), std::runtime_error);
    EXPECT_THROW(load_config({}, {{"drain_deadline", "0"}}), std::runtime_error);
}

TEST(Config, NamesTheLineOfASyntaxError) { EXPECT_NE(fault_of("[http\n").find("line 1"), std::string::npos); }

TEST(Config, TakesFlagsOverTheEnvironmentOverTheFile) {
    const TomlFile file("[http]\nlisten = \"127.0.0.1:1\"\nmax_body_bytes = 1\n[cache]\nmax_bytes = 1\n");
    ::setenv("GUILDHALL_HTTP_LISTEN", "127.0.0.2:1", 1);
    ::setenv("GUILDHALL_HTTP_MAX_BODY_BYTES", "2", 1);
    const Config config = load_config(file.path, {{"http.listen", "127.0.0.3:1"}});
    ::unsetenv("GUILDHALL_HTTP_LISTEN");
    ::unsetenv("GUILDHALL_HTTP_MAX_BODY_BYTES");
    EXPECT_EQ(config.http.address, "127.0.0.3");
    EXPECT_EQ(config.http.max_body_bytes, 2U);
    EXPECT_EQ(config.cache.max_bytes, 1U);
}

// [F: unknown environment variables]
TEST(Config, NamesAnUnknownVariableOfTheEnvironment) {
    const auto fault_with = [](const char* name, const char* value = "x") {
        ::setenv(name, value, 1);
        const std::string fault = fault_of("");
        ::unsetenv(name);
        return fault;
    };
    EXPECT_EQ(fault_with("GUILDHALL_HTTP_LISTN"), "GUILDHALL_HTTP_LISTN: there is no such option");
    EXPECT_EQ(fault_with("GUILDHALL_"), "GUILDHALL_: there is no such option");
    EXPECT_EQ(fault_with("GUILDHALL_HTTP_PORTS"), "GUILDHALL_HTTP_PORTS: there is no such option");
    EXPECT_EQ(fault_with("GUILDHALL_HTTP_PORT", "9000"), "GUILDHALL_HTTP_PORT: there is no such option");
    EXPECT_EQ(fault_with("GUILDHALL_DATA", "/srv/data"), "GUILDHALL_DATA: there is no such option");
    EXPECT_EQ(fault_with("GUILDHALL_FAULT_ROUNDS", "200"), "none") << "a variable of the tests";
    // Kubernetes sets these for Services called guildhall and guildhall-user.
    for (const char* name : {"GUILDHALL_SERVICE_HOST", "GUILDHALL_SERVICE_PORT", "GUILDHALL_SERVICE_PORT_HTTP",
                             "GUILDHALL_PORT_8080_TCP", "GUILDHALL_PORT_8080_TCP_ADDR", "GUILDHALL_USER_SERVICE_HOST",
                             "GUILDHALL_USER_PORT_8080_TCP_PROTO", "GUILDHALLS_LISTEN"})
        EXPECT_EQ(fault_with(name), "none") << name;
    EXPECT_EQ(fault_with("GUILDHALL_USER_PORT", "tcp://10.0.0.7:8080"), "none");
}

// [F: unknown environment variables]
TEST(Config, ListsAllFaultsAtOnce) {
    const std::string faults =
        fault_of("[http]\ncolour = 1\nmax_connections = 0\n[log]\njson = 3\n[sql]\nengine = \"x\"\n");
    EXPECT_NE(faults.find("the configuration has 4 faults:\n"), std::string::npos) << faults;
    for (const char* key : {"'http.colour'", "http.max_connections must", "log.json must", "sql.engine must"})
        EXPECT_NE(faults.find(key), std::string::npos) << key;
}

// [F: list options]
TEST(Config, TrimsTheItemsOfLists) {
    const Config config = load_config({}, {{"http.cors_origins", "https://a.example , https://b.example,"},
                                           {"http.trusted_proxies", " 10.0.0.0/8, ::1 "},
                                           {"services.secrets", std::string(32, 'a') + ", " + std::string(32, 'b')}});
    EXPECT_EQ(config.http.cors_origins, (std::vector<std::string>{"https://a.example", "https://b.example"}));
    EXPECT_EQ(config.http.trusted_proxies.size(), 2U);
    EXPECT_EQ(config.services.secrets.back(), std::string(32, 'b'));
}

// [F: list options]
TEST(Config, RefusesAnOriginThatNoBrowserSendsAndSaysWhy) {
    const auto fault = [](const std::string& origin) {
        try {
            load_config({}, {{"http.cors_origins", origin}});
            return std::string("none");
        } catch (const std::runtime_error& wrong) {
            return std::string(wrong.what());
        }
    };
    for (const char* origin : {"https://a.example", "http://localhost:3000", "https://xn--bcher-kva.example:8443",
                               "http://[::1]:8080", "https://192.0.2.1", "capacitor://localhost"})
        EXPECT_EQ(fault(origin), "none") << origin;
    for (const auto& [origin, reason] :
         std::vector<std::pair<const char*, const char*>>{{"*", "any page"},
                                                          {"https://a.example/", "without a path"},
                                                          {"https://a.example?q", "without a path"},
                                                          {"https://A.example", "lower case"},
                                                          {"HTTPS://a.example", "lower case"},
                                                          {"https://a.example:443", "default port"},
                                                          {"http://a.example:80", "default port"},
                                                          {"\"https://a.example\"", "scheme"},
                                                          {"a.example", "scheme"},
                                                          {"null", "scheme"},
                                                          {"https://", "host"},
                                                          {"https://*.example", "wildcards"},
                                                          {"https://u@a.example", "user"},
                                                          {"https://b\xC3\xBC"
                                                           "cher.example",
                                                           "ASCII"},
                                                          {"https://a.example:", "port"},
                                                          {"https://a.example:x", "port"}})
        EXPECT_NE(fault(origin).find(reason), std::string::npos) << origin << ": " << fault(origin);
}

TEST(Config, MasksSecretsWhenPrinted) {
    Config config;
    config.sql.postgres.dsn = "postgres://member:hunter2@host/db";
    EXPECT_EQ(print_config(config).find("hunter2"), std::string::npos);
}

TEST(Config, ReadsBackWhatItPrints) {
    Config config;
    config.http.cors_origins = {"https://a.example", "https://b.example"};
    config.drain_deadline = std::chrono::seconds(3);
    const TomlFile file(print_config(config));
    EXPECT_EQ(print_config(load_config(file.path, {})), print_config(config));
}

/// docs/configuration.md is what `guildhall config document` prints; the guard fails when an option is added and the
/// page is not.
TEST(Config, IsDocumentedOptionByOption) {
    std::ifstream page("docs/configuration.md");
    const std::string text{std::istreambuf_iterator<char>(page), {}};
    EXPECT_NE(text.find(document_options()), std::string::npos)
        << "run: guildhall config document, and put it into docs/configuration.md";
}

}  // namespace
}  // namespace guildhall::app
