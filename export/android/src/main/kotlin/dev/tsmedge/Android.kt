/* What needs Android itself: weights among an app's assets, and the pictures of camera2 and ImageReader. */
package dev.tsmedge

import android.content.res.AssetManager
import android.graphics.ImageFormat
import android.graphics.PixelFormat
import android.media.Image
import java.io.FileInputStream
import java.io.IOException
import java.nio.ByteBuffer
import java.nio.channels.FileChannel

/** Where the bundle puts the weights among the assets. */
const val WEIGHTS_ASSET = "tsm_edge/weights.bin"

/**
 * Open the network with weights from the app's assets.
 *
 * Mapped where `noCompress += "bin"` keeps them whole in the APK, read into memory otherwise.
 */
fun TsmEdge.Companion.create(
    assets: AssetManager,
    name: String = WEIGHTS_ASSET,
    threads: Int = 0,
    bigCoresFirst: Boolean = true,
): TsmEdge = create(mapped(assets, name) ?: read(assets, name), threads, bigCoresFirst)

/**
 * Step with an image in `YUV_420_888` or `RGBA_8888`; the caller closes it.
 *
 * @param rotationDegrees clockwise turn that makes the picture upright: 0, 90, 180 or 270.
 */
fun TsmEdge.step(
    image: Image,
    rotationDegrees: Int = 0,
    logits: FloatArray = FloatArray(TsmEdge.numClasses),
): FloatArray {
    val planes = image.planes
    return when (image.format) {
        ImageFormat.YUV_420_888 -> stepYuv420(
            planes[0].buffer, planes[1].buffer, planes[2].buffer, image.width, image.height,
            planes[0].rowStride, planes[1].rowStride, planes[1].pixelStride, rotationDegrees, logits,
        )
        PixelFormat.RGBA_8888 -> stepRgba(
            planes[0].buffer, image.width, image.height, planes[0].rowStride, rotationDegrees, logits,
        )
        else -> throw IllegalArgumentException(
            "image format ${image.format}; ask the camera for ImageFormat.YUV_420_888 or PixelFormat.RGBA_8888",
        )
    }
}

/** Null where the asset is compressed. */
private fun mapped(assets: AssetManager, name: String): ByteBuffer? = try {
    assets.openFd(name).use { file ->
        FileInputStream(file.fileDescriptor).use { stream ->
            stream.channel.map(FileChannel.MapMode.READ_ONLY, file.startOffset, file.declaredLength)
        }
    }
} catch (_: IOException) {
    null
}

private fun read(assets: AssetManager, name: String): ByteBuffer {
    val bytes = assets.open(name).use { it.readBytes() }
    // Written through a second view: the first one stays at its beginning.
    return ByteBuffer.allocateDirect(bytes.size).also { it.duplicate().put(bytes) }
}
