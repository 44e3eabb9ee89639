#include "app/open_files.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace guildhall::app {
namespace {

TEST(OpenFiles, LimitIsRaisedToWhatTheSystemAllows) {
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit low{before.rlim_max / 2, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
    EXPECT_EQ(raise_open_files_limit(), before.rlim_max);
    rlimit after{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &after), 0);
    EXPECT_EQ(after.rlim_cur, before.rlim_max);
    ::setrlimit(RLIMIT_NOFILE, &before);
}

TEST(OpenFiles, CountsConnectionsOfClientsAndOfDatabases) {
    Config config;
    config.http.max_connections = 1000;
    config.sql.engine = "postgres";
    config.sql.postgres.connections_per_thread = 8;
    EXPECT_GE(most_open_files(config, 4), 1000U + 3 * 8 * 4);
    EXPECT_LT(most_open_files(config, 4), 1300U + http::kMaxTurnedAway);
}

}  // namespace
}  // namespace guildhall::app
