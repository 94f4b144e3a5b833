# install.cmake: the library, its headers, the program, and what lets other projects find them:
# find_package(cltrain) and pkg-config.
include(CMakePackageConfigHelpers)

install(TARGETS cltrain EXPORT cltrainTargets)
install(TARGETS cltrain-program)
install(DIRECTORY include/cltrain DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/cltrain)
install(EXPORT cltrainTargets NAMESPACE cltrain:: DESTINATION ${package_dir})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/cltrainConfig.cmake.in
                              ${PROJECT_BINARY_DIR}/cltrainConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cltrainConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cltrainConfig.cmake
              ${PROJECT_BINARY_DIR}/cltrainConfigVersion.cmake DESTINATION ${package_dir})

# A static library's own libraries are linked by its user.
if(BUILD_SHARED_LIBS)
  set(CLT_PC_REQUIRES Requires.private)
else()
  set(CLT_PC_REQUIRES Requires)
  set(CLT_PC_LIBS " -lm -pthread")
endif()
file(RELATIVE_PATH CLT_PC_UP /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${CMAKE_CURRENT_LIST_DIR}/cltrain.pc.in ${PROJECT_BINARY_DIR}/cltrain.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/cltrain.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
