// An Android library module: see README.md. Take plugin versions and compileSdk from your app.
plugins {
    id("com.android.library")
    id("org.jetbrains.kotlin.android") // leave it out from Android Gradle plugin 9 on: Kotlin is built in
}

android {
    namespace = "dev.tsmedge"
    compileSdk = 35

    defaultConfig {
        minSdk = 24
        consumerProguardFiles("consumer-rules.pro")
        ndk { abiFilters += "arm64-v8a" }
    }
}
