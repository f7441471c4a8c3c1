# What `cmake --install` puts in place besides the programs: two C libraries, headers, texts.
include(CMakePackageConfigHelpers)
include(Library)

dg_library(libdaogou NAME daogou EXPORT daogou
  FOLDERS base table dense als sparse ranking artifact registry comm store ingest generate models evaluate
  select_parallel job
  LINKS MPI::MPI_C PkgConfig::JANSSON)
dg_library(libdaogou_artifact NAME daogou-artifact EXPORT artifact
  FOLDERS base als sparse ranking artifact_serial serve_rank
  LINKS PkgConfig::JANSSON)

write_basic_package_version_file(daogouConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES cmake/package/daogouConfig.cmake.in RENAME daogouConfig.cmake
  DESTINATION ${DAOGOU_PACKAGE_DIR})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/daogouConfigVersion.cmake
  DESTINATION ${DAOGOU_PACKAGE_DIR})

install(CODE "
  set(FROM ${PROJECT_SOURCE_DIR}/src)
  set(TO \${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_INCLUDEDIR}/daogou)
  include(${PROJECT_SOURCE_DIR}/cmake/Headers.cmake)")

# Texts lie as in the source tree, so that their links hold.
install(FILES LICENSE README.md CHANGELOG.md CONTRIBUTING.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY jobs DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.yaml")
install(DIRECTORY slurm DESTINATION ${CMAKE_INSTALL_DOCDIR} USE_SOURCE_PERMISSIONS)
install(DIRECTORY tests/e2e/consumer DESTINATION ${CMAKE_INSTALL_DOCDIR}/tests/e2e)
